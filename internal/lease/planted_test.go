//go:build planted

package lease_test

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/lease"
	"github.com/seed-8247e700/dsm/internal/planted"
)

func TestPlantedLeaseFromReceipt(t *testing.T) {
	planted.With(t, planted.LeaseFromReceipt)
	l := lease.Lease{Time: 2 * time.Second}
	l.Probed(1, time.Second)
	l.Answered(1, 5*time.Second)
	if until := l.Until(); until != 3*time.Second {
		planted.Caught(t, planted.LeaseFromReceipt, "the end of a lease whose answer came late: "+until.String())
	}
}

func TestPlantedLeaseIgnored(t *testing.T) {
	planted.With(t, planted.LeaseIgnored)
	if until := new(lease.Lease).Until(); until > 0 {
		planted.Caught(t, planted.LeaseIgnored, "the end of a lease that nobody has given: "+until.String())
	}
}
