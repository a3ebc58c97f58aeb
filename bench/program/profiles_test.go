package program

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestProfileArgs(t *testing.T) {
	p := Profiles{CPU: "a=b", Trace: "t"}.Of("n1")
	got, rest := CutProfiles(append(p.Args(), "node", "--x"))
	if got != p || !slices.Equal(rest, []string{"node", "--x"}) {
		t.Errorf("%+v and %q of %q", got, rest, p.Args())
	}
	if _, rest := CutProfiles(nil); len(rest) != 0 {
		t.Errorf("rest %q of nothing", rest)
	}
	memory := filepath.Join(t.TempDir(), "m")
	if _, err := (Profiles{Memory: memory, CPU: filepath.Join(t.TempDir(), "none", "x")}).Start(); err == nil {
		t.Error("a file that cannot be made is no error")
	}
	if _, err := os.Stat(memory); err == nil {
		t.Error("a profile was written of what did not begin")
	}
}
