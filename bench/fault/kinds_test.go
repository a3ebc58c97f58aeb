package fault

import (
	"strings"
	"testing"
	"time"
)

// Each kind is written as the table says, and random schedules have it.
func TestEveryKind(t *testing.T) {
	drawn := make(map[Kind]bool)
	for seed := range uint64(20) {
		s, err := Random(seed, 5, 10*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s {
			drawn[s[i].Kind] = true
		}
	}
	for _, k := range kinds {
		if !drawn[k.kind] || len(k.random) == 0 {
			t.Errorf("random.go never makes a fault of kind %s", k.kind)
		}
		for form := range strings.SplitSeq(strings.ReplaceAll(k.form, " or ", ", "), ", ") {
			s, err := Parse(form)
			if err != nil || len(s) != 1 || s[0].Kind != k.kind || s.String() != form {
				t.Errorf("kinds.go: %s is read as %s, %v", form, s, err)
			}
		}
	}
	if info := Kind("flood").info(); info.form != "" || info.lasts != noTime {
		t.Errorf("what is no kind is %+v", info)
	}
}
