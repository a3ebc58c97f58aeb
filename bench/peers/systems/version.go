package systems

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os/exec"
	"regexp"
	"runtime/debug"
	"strings"
)

// unknown is the version of what does not say.
const unknown = "version unknown"

// ClientVersion returns the name and version of the module of a system's client,
// as it is built into this program; empty: it has no client of its own.
func (s *Spec) ClientVersion() string {
	if s.Module == "" {
		return ""
	}
	name := s.Module
	if info, ok := debug.ReadBuildInfo(); ok {
		name += " " + versionIn(info, s.Module)
	}
	return strings.TrimPrefix(name, "github.com/")
}

// versionIn returns that of a module in a program.
func versionIn(info *debug.BuildInfo, module string) string {
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path == module && m.Version != "" {
			return m.Version
		}
	}
	return unknown
}

// built builds a program and returns the version of its module.
func built(ctx context.Context, env Env, module string) (string, error) {
	program, err := env.Programs.Build(ctx, module)
	if err != nil {
		return "", err
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "", fmt.Errorf("systems: %s: %w", program, err)
	}
	return versionIn(info, module), nil
}

// versionOfDSM is the commit of the working directory.
func versionOfDSM(ctx context.Context, _ Env) (string, error) {
	commit, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return unknown, nil //nolint:nilerror // a copy without its history can be measured too
	}
	version := strings.TrimSpace(string(commit))
	changes, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--untracked-files=no").Output()
	if err == nil && len(changes) > 0 {
		version += ", changed"
	}
	return version, nil
}

// redisVersion is in what redis-server --version prints.
var redisVersion = regexp.MustCompile(`\bv=(\S+)`)

// parseRedisVersion finds the version of a server.
func parseRedisVersion(out []byte) string {
	if found := redisVersion.FindSubmatch(out); found != nil {
		return string(found[1])
	}
	return unknown
}

// debianVersion returns the version of a package that is installed.
func debianVersion(ctx context.Context, name string) string {
	out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Version}", name).Output()
	if out = bytes.TrimSpace(out); err != nil || len(out) == 0 {
		return unknown
	}
	return string(out)
}
