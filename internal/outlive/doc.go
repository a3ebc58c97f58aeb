// Package outlive keeps a command that runs for long alive when what it was
// started from goes away: the reader of its output, or its terminal.
//
// A process whose output goes into a pipe is killed by SIGPIPE at its next line
// once the pipe's reader has ended, and waits at its next line while the reader
// is stopped. Nodes of a group often have the same reader: they would end, or
// stand still, all at once, and take the group's variables with them. So their
// output goes through a [Writer], which rather loses lines than time:
//
//	outlive.IgnoreOutputSignals()
//	stderr := outlive.NewWriter(os.Stderr, func(lines uint64) []byte { ... })
//	logger := slog.New(slog.NewTextHandler(stderr, nil))
//	...
//	stderr.Flush(time.Second) // before the process ends
//
// A terminal that goes away sends SIGHUP: see [Hangups].
//
// What a crash prints does not pass through here: the runtime writes it to file
// descriptor 2 itself. Lines logged in the last moment before it may be lost.
//
// All of this changes how signals affect the whole process, so only commands
// call it, never a library.
package outlive
