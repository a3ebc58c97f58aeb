package console

import (
	"io"
	"os"

	"golang.org/x/term"
)

// defaultWidth is that of a terminal that does not say how wide it is.
const defaultWidth = 80

// Width returns how many characters a line of w has room for if w is a terminal
// that can show lines and boxes. It returns 0 if w is something else: a file, a
// pipe, a terminal that says that it is dumb (TERM=dumb), where what is written
// has to be plain. Commands of dsm use no colours, whether NO_COLOR asks for it or
// not.
func Width(w io.Writer) int {
	file := File(w)
	if file == nil || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width <= 0 {
		return defaultWidth
	}
	return width
}

// File returns the file that a writer writes to, through those that can be
// unwrapped. It returns nil if there is none.
func File(w io.Writer) *os.File {
	for {
		switch x := w.(type) {
		case *os.File:
			return x
		case interface{ Unwrap() io.Writer }:
			w = x.Unwrap()
		default:
			return nil
		}
	}
}
