package load

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/history"
)

// TestJudge says what is known after each of the driver's errors. What is told
// as failed must be certain, lest the checks look for a wrong that is none, or
// miss one.
func TestJudge(t *testing.T) {
	other := errors.New("something else")
	unknown := fmt.Errorf("%w: %w", driver.ErrOutcomeUnknown, context.Canceled)
	for _, test := range []struct {
		err      error
		read     history.Status
		write    history.Status
		because  history.Refusal
		position bool // a write keeps its position
		harmless bool // it is no error for the report
	}{
		{nil, history.OK, history.OK, 0, true, true},
		{&driver.ConflictError{Key: "k", Version: 3}, history.Fail, history.Fail, history.Conflict, true, true},
		{driver.ErrNotInteger, history.Fail, history.Fail, history.NotInteger, true, true},
		{driver.ErrOverflow, history.Fail, history.Fail, history.Overflow, true, true},
		{driver.ErrNotFound, history.OK, history.Fail, history.NotFound, true, true},
		{fmt.Errorf("%w: 5 variables", driver.ErrQuota), history.Fail, history.Fail, history.Quota, true, true},
		{driver.ErrTooLarge, history.Fail, history.Fail, history.Refused, false, false},
		{driver.ErrSessionExpired, history.Fail, history.Fail, history.Refused, false, false},
		{fmt.Errorf("%w: %w", driver.ErrUnavailable, context.Canceled), history.Fail, history.Fail, history.Refused, false, false},
		{unknown, history.Fail, history.Unknown, history.Refused, false, false},
		{errors.Join(driver.ErrSessionExpired, unknown), history.Fail, history.Unknown, history.Refused, false, false},
		{errors.Join(driver.ErrClosed, unknown), history.Fail, history.Unknown, history.Refused, false, false},
		{driver.ErrGeneration, history.Fail, history.Unknown, history.Refused, false, false},
		{other, history.Fail, history.Unknown, history.Refused, false, false},
	} {
		w := Answer{Position: 9, Version: 9}
		judgeWrite(&w, test.err)
		if w.Status != test.write || w.Because != test.because || (w.Position != 0) != test.position || (w.Err == nil) != test.harmless {
			t.Errorf("a write with error %v is %+v", test.err, w)
		}
		if test.err != nil && w.Version != 0 {
			t.Errorf("a write with error %v has version %d", test.err, w.Version)
		}
		r := Answer{Position: 9}
		judgeRead(&r, test.err)
		if r.Status != test.read || (r.Status == history.OK) != (r.Position != 0) || (r.Err == nil) != (r.Status == history.OK) {
			t.Errorf("a read with error %v is %+v", test.err, r)
		}
	}
}
