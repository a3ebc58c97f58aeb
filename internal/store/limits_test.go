package store

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

func TestLimitsValidate(t *testing.T) {
	if err := (Limits{}).Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for name, l := range map[string]Limits{
		"MaxKeyBytes is -1":        {MaxKeyBytes: -1},
		"MaxKeyBytes is 65537":     {MaxKeyBytes: 65537},
		"MaxValueBytes is 19":      {MaxValueBytes: 19},
		"MaxSessions is -5":        {MaxSessions: -5},
		"MaxSessionResults is -2":  {MaxSessionResults: -2},
		"SessionTTL is -1s":        {SessionTTL: -time.Second},
		"SessionTTL is 1µs":        {SessionTTL: time.Microsecond},
		"SessionTTL is 1.0005s":    {SessionTTL: time.Second + 500*time.Microsecond},
		"SessionTTL is 8761h0m0s,": {SessionTTL: 365*24*time.Hour + time.Hour},
	} {
		if err := l.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: New took it", name)
				}
			}()
			New(l)
		}()
	}
}

func TestVariableLimits(t *testing.T) {
	f := newFeeder(t, Limits{MaxKeyBytes: 4, MaxValueBytes: 20})
	session := f.open()
	seq := uint64(0)
	for _, tc := range []struct {
		key, value string
		want       wire.Status
	}{
		{"", "v", wire.StatusBadRequest},
		{"\x00", "v", wire.StatusBadRequest},
		{"\x00long", "v", wire.StatusBadRequest},
		{"k\x00", "v", wire.StatusOK},
		{"four", strings.Repeat("v", 20), wire.StatusOK},
		{"five5", "v", wire.StatusTooLarge},
		{"k", strings.Repeat("v", 21), wire.StatusTooLarge},
		{"k", "", wire.StatusOK},
	} {
		seq++
		f.want(tc.want, set(session, seq, seq, tc.key, tc.value))
		seq++
		if tc.want == wire.StatusBadRequest || len(tc.key) > 4 {
			f.want(tc.want, wire.Command{Op: wire.OpDelete, Session: session, Seq: seq, Key: tc.key})
		}
	}
	if value, version, _ := f.s.Get("k"); value == nil || len(value) != 0 || version == 0 {
		t.Errorf("the empty value is %v of version %d", value, version)
	}
}
