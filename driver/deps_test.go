package driver

import (
	"os/exec"
	"strings"
	"testing"
)

// What an application takes in with the driver is the standard library and a few
// packages of this module, themselves on the standard library only.
func TestDependencies(t *testing.T) {
	const module = "github.com/seed-8247e700/dsm/"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := map[string]bool{
		module + "driver": true, module + "internal/client": true, module + "internal/planted": true, module + "internal/ring": true,
		module + "internal/nbio": true, module + "internal/session": true, module + "internal/wire": true, module + "internal/wire/codec": true,
	}
	for _, path := range strings.Fields(string(out)) {
		if !want[path] {
			t.Errorf("the driver depends on %s", path)
		}
		delete(want, path)
	}
	if len(want) > 0 {
		t.Errorf("not found, so this test looks in the wrong place: %v", want)
	}
}
