// Package outfile opens the files that a command will write before the command
// does anything else. A file that cannot be written is then an error before anything
// has started. If the command fails for another reason, the file is left unchanged.
//
//	f, err := outfile.Open(name, 0o666)
//	...
//	defer f.Close()
//	... // start, run
//	fmt.Fprintln(f, result) // the first write replaces the earlier content
package outfile
