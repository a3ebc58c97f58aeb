package outfile

import "os"

// Claim marks a file as one of this process's, until the file is closed or the
// process ends, however it ends. Where the system has no such marks it does nothing.
func Claim(file *os.File) error { return claim(file) }

// Claimed reports whether a process that runs, this one or another, has claimed a file.
// It does not wait, and says no where that cannot be known.
func Claimed(file *os.File) bool { return claimed(file) }
