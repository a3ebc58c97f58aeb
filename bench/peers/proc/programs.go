package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
)

// Programs builds and installs what is compared, each thing when it is first
// asked for. It is for one goroutine.
type Programs struct {
	dir     *Dir
	notices io.Writer
	built   map[string]string // programs by their package
	updated bool              // the package lists are fresh
}

// NewPrograms returns programs that are built into a directory. What it does is
// told to notices.
func NewPrograms(dir *Dir, notices io.Writer) *Programs {
	return &Programs{dir: dir, notices: notices, built: map[string]string{}}
}

// Build compiles the main package of a tool of this module's go.mod and returns
// where the program is. The working directory must be in the module.
func (p *Programs) Build(ctx context.Context, pkg string) (string, error) {
	if program, ok := p.built[pkg]; ok {
		return program, nil
	}
	if err := p.tell("building %s", pkg); err != nil {
		return "", err
	}
	program := p.dir.Path(fmt.Sprintf("program-%d-%s", len(p.built), path.Base(pkg)))
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, pkg)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("proc: go build %s: %w\n%s", pkg, err, out)
	}
	p.built[pkg] = program
	return program, nil
}

// Debian makes sure that a file of Debian packages is there, and installs them if
// it is not. A service that comes with one of them is stopped: it would run beside
// what is measured.
func (p *Programs) Debian(ctx context.Context, file, service string, packages ...string) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	if err := p.tell("installing %v", packages); err != nil {
		return err
	}
	if !p.updated {
		if err := asRoot(ctx, "apt-get", "update", "-q"); err != nil {
			return err
		}
		p.updated = true
	}
	install := append([]string{"apt-get", "install", "-q", "-y", "--no-install-recommends"}, packages...)
	if err := asRoot(ctx, slices.Concat([]string{"env", "DEBIAN_FRONTEND=noninteractive"}, install)...); err != nil {
		return err
	}
	if _, err := os.Stat("/run/systemd/system"); err == nil && service != "" {
		if err := asRoot(ctx, "systemctl", "disable", "--now", service); err != nil {
			return err
		}
	}
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("proc: %v were installed, but not what is needed of them: %w", packages, err)
	}
	return nil
}

// asRoot runs a command, by sudo if need be.
func asRoot(ctx context.Context, args ...string) error {
	if os.Geteuid() != 0 {
		args = slices.Concat([]string{"sudo"}, args)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("proc: %w: install Debian's packages by hand, or run this on Debian", err)
	}
	if err != nil {
		return fmt.Errorf("proc: %v: %w\n%s", args, err, out)
	}
	return nil
}

func (p *Programs) tell(format string, args ...any) error {
	_, err := fmt.Fprintf(p.notices, format+"\n", args...)
	return err
}
