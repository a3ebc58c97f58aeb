// Package proc installs, builds, starts and stops the programs that are compared.
//
// Processes are children that the kernel kills when this process ends, however
// that happens. Each has a log in the directory of the run, the end of which is
// part of the error if it does not start.
package proc
