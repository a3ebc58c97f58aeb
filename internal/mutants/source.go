package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// source is a file that is changed.
type source struct {
	pkg  string // the import path of its package
	name string // of the package
	path string
	text []byte
}

// load returns the files that a target names and their mutants. The files of a package are
// those that are compiled on this system, without its tests.
func (t *target) load(ctx context.Context, dir string) (map[string]*source, []mutant, error) {
	sources := make(map[string]*source)
	var mutants []mutant
	for _, name := range t.paths {
		pkgDir, only := name, ""
		if strings.HasSuffix(name, ".go") {
			pkgDir, only = path.Split(name)
		}
		pkg, err := list(ctx, dir, "./"+pkgDir)
		if err != nil {
			return nil, nil, err
		}
		if only != "" && !slices.Contains(pkg.GoFiles, only) {
			return nil, nil, fmt.Errorf("%s is not a file of the package on this platform", name)
		}
		constants := make(map[string]bool)
		texts := make(map[string][]byte)
		for _, file := range pkg.GoFiles {
			if texts[file], err = os.ReadFile(filepath.Join(pkg.Dir, file)); err != nil {
				return nil, nil, err
			}
			if err := constantsOf(texts[file], constants); err != nil {
				return nil, nil, err
			}
		}
		for _, file := range pkg.GoFiles {
			if only != "" && file != only {
				continue
			}
			short := path.Join(pkgDir, file)
			found, err := find(short, texts[file], constants)
			if err != nil {
				return nil, nil, err
			}
			sources[short] = &source{pkg: pkg.ImportPath, name: pkg.Name, path: filepath.Join(pkg.Dir, file), text: texts[file]}
			mutants = append(mutants, found...)
		}
	}
	for i := range mutants {
		mutants[i].number = i + 1
	}
	return sources, mutants, nil
}

// listed is what is read of the go command's description of a package.
type listed struct {
	Dir, ImportPath, Name string
	GoFiles               []string
}

func list(ctx context.Context, dir, pkg string) (*listed, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-json=Dir,ImportPath,Name,GoFiles", pkg)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, err, &stderr)
	}
	var l listed
	return &l, json.Unmarshal(text, &l)
}
