// Package outlive keeps a long-running command alive when the reader of its output or
// its terminal goes away.
//
// If a process writes to a pipe whose reader has ended, SIGPIPE kills it. If the reader
// is stopped, the process blocks. Nodes of a group often have the same reader: all of
// them would end or block at once, and the group's variables would be lost. So their
// output goes through a [Writer], which drops lines instead of blocking:
//
//	outlive.IgnoreOutputSignals()
//	stderr := outlive.NewWriter(os.Stderr, func(lines uint64) []byte { ... })
//	logger := slog.New(slog.NewTextHandler(stderr, nil))
//	...
//	stderr.Flush(time.Second) // before the process ends
//
// A terminal that goes away sends SIGHUP: see [Hangups].
//
// The output of a crash does not pass through a Writer: the runtime writes it to file
// descriptor 2 itself. Lines that are logged just before a crash may be lost.
//
// This package changes how signals affect the whole process, so only commands
// call it, never a library.
package outlive
