package console

import (
	"errors"
	"fmt"
)

// InvalidValue says what is wrong with the value of a flag. kind is the flag's type
// as package pflag names it, and err what parsing the value returned: it is shown
// for kinds whose values a program parses by itself, and says for others only what
// Go's functions are called.
func InvalidValue(flag, value, kind string, err error) string {
	wanted := ""
	switch kind {
	case "int", "int64":
		wanted = "must be a whole number of at most 63 bits, such as 5"
	case "uint", "uint64":
		wanted = "must be a whole number, 0 or above, of at most 64 bits"
	case "float64":
		wanted = "must be a number, such as 0.5"
	case "duration":
		wanted = "must be a time with its unit, such as 5s, 300ms or 1m30s"
	case "bool":
		wanted = "must be true or false"
	default:
		for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(next) {
			err = next
		}
		wanted = err.Error()
	}
	return fmt.Sprintf("invalid argument %q for %q: %s", value, "--"+flag, wanted)
}
