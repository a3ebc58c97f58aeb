// Package outfile opens the files that a command is to write before the command
// does anything else, so that a name that cannot be written is found out when
// nothing has been started yet, and leaves no trace if the command then fails for
// another reason.
//
//	f, err := outfile.Open(name, 0o666)
//	...
//	defer f.Close()
//	... // start, run
//	fmt.Fprintln(f, result) // here an earlier content is replaced
package outfile
