//go:build planted

package planted

import "fmt"

// Info describes a bug.
type Info struct {
	Bug         Bug
	Name        string // the constant's name
	Description string // the mistake in plain words
}

// Bugs lists every bug, in the order of the constants.
var Bugs = []Info{
	{WrongEnd, "WrongEnd", "pops the wrong end of the hold-back queue"},
	{ClockBehind, "ClockBehind", "the clock can fall behind an agreed priority"},
	{CollidingIDs, "CollidingIDs", "ids of messages or sessions collide"},
	{EarlyReturn, "EarlyReturn", "a Set returns before its own delivery"},
	{JoinerMisses, "JoinerMisses", "a joiner misses writes in flight"},
	{ReadMissInstalls, "ReadMissInstalls", "a read miss installs a value outside the order"},
	{MaximumRule, "MaximumRule", "the flush gives unfinished messages the maximum of the known proposals"},
	{UnfinishedUnordered, "UnfinishedUnordered", "a sender's sequence is not kept among the unfinished messages of a flush"},
	{FutureDropped, "FutureDropped", "messages of a future view are dropped"},
	{NoStability, "NoStability", "safe delivery does not wait for stability"},
	{WedgeWithoutBase, "WedgeWithoutBase", "a WEDGE is taken without a look at its base view"},
	{AckAcrossGap, "AckAcrossGap", "the acknowledgement counter of FINALs advances across a gap"},
	{AckBeforeStable, "AckBeforeStable", "a sender delivers its own message, and acknowledges its writes, before it is stable"},
	{FlushWithoutFinals, "FlushWithoutFinals", "the flush leaves out the finals that one survivor knows"},
	{FlushStateMoves, "FlushStateMoves", "a wedged member goes on changing the state that it has sent"},
	{CutReused, "CutReused", "the cut of an attempt that failed is used for the next"},
	{JoinerAcksBlind, "JoinerAcksBlind", "a joiner acknowledges a cut that it cannot deliver"},
	{PayloadOfNobody, "PayloadOfNobody", "a cut names a member that is gone as the holder of its messages"},
	{PayloadsForgotten, "PayloadsForgotten", "payloads that came during an attempt are dropped when another begins"},
	{AttemptNeverGrows, "AttemptNeverGrows", "every attempt at a view has the same time, however many have failed"},
	{AttemptStands, "AttemptStands", "an attempt that the minimum size leaves no other than stands, though a link in it has died"},
	{QuotaIgnored, "QuotaIgnored", "a replica does what exceeds the quota"},
	{QuotaNotInSnapshot, "QuotaNotInSnapshot", "snapshots leave out the quota, and digests do not show it"},
	{ResultsUnbounded, "ResultsUnbounded", "a replica keeps results of sessions that crowd the others out"},
	{LeaderAmongJoiners, "LeaderAmongJoiners", "a joiner is chosen as the leader of an attempt"},
	{NoIncarnation, "NoIncarnation", "messages name their sender by id alone, without the incarnation"},
	{SnapshotElsewhere, "SnapshotElsewhere", "a snapshot is loaded at another position than its own"},
	{ResultsNotInSnapshot, "ResultsNotInSnapshot", "a snapshot leaves out the results of sessions"},
	{RetryRenumbered, "RetryRenumbered", "a write that is tried again gets a new number"},
	{PositionForgotten, "PositionForgotten", "what a session has seen is not carried over a fail-over"},
	{LeaseIgnored, "LeaseIgnored", "a member serves without a lease"},
	{RestartForgets, "RestartForgets", "the registry tells of a view before it is saved: after a restart two views follow one"},
	{ResumeSkips, "ResumeSkips", "a link that is resumed skips a record"},
	{TieDiffers, "TieDiffers", "two members break a tie differently"},
	{HeartbeatByID, "HeartbeatByID", "heartbeats are keyed by id alone, without the incarnation"},
	{AttemptFromFailed, "AttemptFromFailed", "an attempt is derived from the one that failed"},
	{ReportsOneWay, "ReportsOneWay", "of a cut link only the end that is reported is counted"},
	{LeaseFromReceipt, "LeaseFromReceipt", "a lease is counted from when the answer came, not from when the question was sent"},
	{WedgedVouches, "WedgedVouches", "a wedged member vouches for the leases of others"},
	{ResultsPruned, "ResultsPruned", "results above a session's floor are dropped"},
	{SessionFromRetry, "SessionFromRetry", "a write of an unknown session creates it"},
	{StableTooSoon, "StableTooSoon", "a sender tells that all hold its FINAL when one does"},
	{PredecessorIgnored, "PredecessorIgnored", "a write is executed although the one that it names as its predecessor was not"},
	{ReadOvertakes, "ReadOvertakes", "a read does not wait for its session's asynchronous writes"},
	{ObeysOtherGroup, "ObeysOtherGroup", "a node takes the refusal of another group's registry for the end of its own, and gives up its state"},
	{LeaveGivesUp, "LeaveGivesUp", "a leave gives up at the first error, long before its time is up"},
	{PositionsBeginAnew, "PositionsBeginAnew", "the positions of a new generation begin anew"},
	{FloorWithoutRoom, "FloorWithoutRoom", "a new generation begins at the last position that was reported, although members have gone on since"},
	{UnknownForgotten, "UnknownForgotten", "a refusal makes a client forget that an earlier attempt may have been executed"},
	{AuditByKeptDigest, "AuditByKeptDigest", "an audit compares digests that are kept, and none that are computed"},
	{DonorIgnoresDamage, "DonorIgnoresDamage", "a donor sends its state although that does not have its digest"},
	{ExpiryKeepsCount, "ExpiryKeepsCount", "a session that expires still counts for its client"},
	{ClientsNotInSnapshot, "ClientsNotInSnapshot", "a snapshot leaves out whose sessions they are"},
	{ParkedUnindexed, "ParkedUnindexed", "the index of parked reads does not count a strong read whose barrier is placed"},
	{ExpiredForgotten, "ExpiredForgotten", "a delivered write stays among those that count as expired"},
	{BarrierShared, "BarrierShared", "a strong read shares a barrier that was sent before it came"},
	{WokenWithoutLease, "WokenWithoutLease", "a parked read that is woken is answered without a look at the lease"},
	{HeadForChunk, "HeadForChunk", "a joiner takes the head that its donor says for a part of the snapshot"},
	{LeaseFromAnswer, "LeaseFromAnswer", "the lease of a heartbeat counts from its answer"},
	{StallCountsInFull, "StallCountsInFull", "a tick after a stall counts all of it"},
	{AdmissionKept, "AdmissionKept", "a command that is refused stays admitted"},
	{LeavesUnsafely, "LeavesUnsafely", "a member of a group with agreed delivery leaves without delivering safely first"},
	{ToldUnsaved, "ToldUnsaved", "the registry tells of a change before it has saved it"},
	{WedgeLost, "WedgeLost", "a node that was told of an attempt is not told of the next one, if the two came at once"},
	{StreamUnseen, "StreamUnseen", "the answer to an asynchronous write does not raise what its session has seen"},
	{RefusalUnknown, "RefusalUnknown", "a client calls the outcome of a write unknown that was refused"},
	{WaitersUncounted, "WaitersUncounted", "the bound of asynchronous writes does not count those that waited for their session"},
	{LinkForgetsClaim, "LinkForgetsClaim", "a link forgets which stream its peer has claimed to send, and takes the next one for the same"},
	{TxnHalfDone, "TxnHalfDone", "a transaction that fails leaves what its first operations have written"},
	{TxnIfIgnored, "TxnIfIgnored", "a transaction runs Then whatever the conditions say"},
	{TxnDataNotInSnapshot, "TxnDataNotInSnapshot", "a snapshot leaves out the data of results"},
	{TxnRepeatBare, "TxnRepeatBare", "a transaction that is sent again is answered without its data"},
	{LevelFalls, "LevelFalls", "a node below the feature level of the view is admitted to the group"},
	{FeedOutlivesLevel, "FeedOutlivesLevel", "a donor feeds a joiner on when its view has a higher feature level than before"},
	{TornPositionTaken, "TornPositionTaken", "a watch returns what it has of a position when its connection breaks, and all of it again later"},
	{WatchBeginsAgain, "WatchBeginsAgain", "a watch goes on at another server where it began, not where it was"},
	{ScanMoves, "ScanMoves", "each page of a scan shows the state of its own time"},
	{WatchSkips, "WatchSkips", "a watch that falls behind skips the change that it could not be sent"},
	{HistoryFloorLow, "HistoryFloorLow", "a joiner takes the history of a snapshot for one that begins a position earlier"},
	{RangeForgetsDeletions, "RangeForgetsDeletions", "a condition on a range holds although a variable of it has gone"},
	{TimersNotInSnapshot, "TimersNotInSnapshot", "TTLs are missing in snapshots, and in digests"},
	{TimerOwnClock, "TimerOwnClock", "a replica counts the time of TTLs by a clock of its own"},
	{TimerFromCommand, "TimerFromCommand", "a TTL is charged for the time before its command"},
	{TimeCountedTwice, "TimeCountedTwice", "a member that becomes the first counts time that the first before it has counted"},
	{ExpiryUnseen, "ExpiryUnseen", "an expiry is missing in the history of changes"},
	{SyncedEarly, "SyncedEarly", "a scan, and what an Initial watch begins with, ends with its first page"},
	{SnapshotTwoPositions, "SnapshotTwoPositions", "each read of a transaction's function shows the state of its own time"},
	{UpdateRenumbered, "UpdateRenumbered", "the function of an update whose commit has an unknown outcome runs again"},
	{PendingExpires, "PendingExpires", "a session with a TTL of its own is charged for the time before its last command"},
	{OwnersForgotten, "OwnersForgotten", "a session that ends leaves its variables"},
	{ProofAtOnce, "ProofAtOnce", "a proof that a node is dead is believed although the node is heard"},
	{GreetingUnjudged, "GreetingUnjudged", "a greeting that does not prove who sends it takes over a link"},
	{LockIgnored, "LockIgnored", "a session may be used by who has not shown its secret"},
	{LockNotInSnapshot, "LockNotInSnapshot", "locks of sessions are missing in snapshots, and in digests"},
	{SlowIsSilent, "SlowIsSilent", "a member that has yet to receive a large message, or whose answer is behind its own, counts as silent"},
	{OpenRefusedBehind, "OpenRefusedBehind", "a member refuses a session by a state that may be behind"},
	{HeldUnjudged, "HeldUnjudged", "a command that has waited for its session is ordered, whoever has sent it"},
}

// String returns the bug's name.
func (b Bug) String() string {
	for _, info := range Bugs {
		if info.Bug == b {
			return info.Name
		}
	}
	return fmt.Sprintf("Bug(%d)", uint8(b))
}
