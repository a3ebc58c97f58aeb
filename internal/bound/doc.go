// Package bound starts commands that end with this process, however it ends.
package bound
