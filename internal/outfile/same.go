package outfile

import (
	"os"
	"path/filepath"
)

// Same reports whether two names are of the same file or directory, which need not
// be there yet. Devices may be written to twice.
func Same(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(infoA, infoB) && (infoA.Mode().IsRegular() || infoA.IsDir())
	}
	return errA != nil && errB != nil && resolved(a) == resolved(b)
}

// resolved is the one name of a file that is not there, as far as directories
// above it are.
func resolved(name string) string {
	absolute, err := filepath.Abs(name)
	if err != nil {
		return filepath.Clean(name) // without a working directory nothing better is known
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(absolute)); err == nil {
		return filepath.Join(dir, filepath.Base(absolute))
	}
	return absolute
}
