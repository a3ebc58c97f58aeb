//go:build planted

package member

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// TestPlantedSeen has each mistake of this package seen by the check that is made for it.
func TestPlantedSeen(t *testing.T) {
	for _, seen := range []struct {
		bug   planted.Bug
		check func(testing.TB)
	}{
		{planted.ParkedUnindexed, checkStrongReadIsWoken},
		{planted.BarrierShared, checkBarrierIsNotSharedLate},
		{planted.WokenWithoutLease, checkWokenReadNeedsALease},
		{planted.HeadForChunk, checkJoinerIsReady},
		{planted.JoinerMisses, checkJoinerHasAll},
		{planted.LeaseFromAnswer, checkLeaseCountsFromTheBeat},
		{planted.StallCountsInFull, checkStallCountsOneInterval},
		{planted.AdmissionKept, checkRefusedIsReleased},
		{planted.LeavesUnsafely, checkLeavesSafely},
		{planted.EarlyReturn, checkAnswersAfterDelivery},
		{planted.ObeysOtherGroup, checkObeysItsGroupAlone},
		{planted.LeaveGivesUp, checkLeaveGoesOn},
		{planted.TimeCountedTwice, checkTimeIsCountedOnce},
		{planted.TimerOwnClock, checkTimeIsOrdered},
		{planted.LockIgnored, checkLocksAreJudged},
		{planted.OpenRefusedBehind, checkRefusalIsRecent},
		{planted.HeldUnjudged, checkCommandsWaitForTheirSession},
	} {
		t.Run(seen.bug.String(), func(t *testing.T) {
			planted.With(t, seen.bug)
			if complaint := planted.Complaint(t, seen.check); complaint != "" {
				planted.Caught(t, seen.bug, complaint)
			}
		})
	}
}

// TestPlantedExpiredForgotten compares the FIFO with a slice.
func TestPlantedExpiredForgotten(t *testing.T) {
	planted.Property(t, planted.ExpiredForgotten, "the FIFO beside a slice", checkWaiters)
}
