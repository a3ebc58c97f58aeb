// Command mutants finds lines that no test holds. For each condition, assignment and
// call of a package, it changes the code in that place and runs the tests. A change
// that no test notices has survived.
//
//	go run ./internal/mutants [flags] [package or file ...]
//
// A mutant is one of these changes:
//
//   - a comparison: < <= > >= == != become their neighbour and their opposite, and
//     the constant on one side becomes one more or one less;
//   - an operand of && or ||, or the whole of it, becomes true or false;
//   - another condition of if, for or case is negated, and so is a returned boolean;
//   - an assignment, ++ or -- is left out: what is assigned is still evaluated if it
//     has a call in it;
//   - a call, defer, go or send is left out, and so are break and continue;
//   - the body of an if or a case that ends in a return is left out;
//   - min becomes max, and max becomes min.
//
// Declarations by :=, what follows the last semicolon of a for, and what is passed to
// panic stay as they are. So does what only a planted bug runs (internal/planted).
//
// The checkout is not changed: the go command reads changed files through its flag
// -overlay. Mutants that do not overlap are compiled together, and the environment
// variable DSM_MUTANT selects the one that is switched on in a run of the tests. The file
// targets.txt names the tests that should fail, in the order in which they are tried. It
// may name tests of another package. A mutant that no test reaches, as coverage shows, is
// not run. If the tests run for much longer than without the change, they are ended, and
// the mutant counts as killed.
//
// For each survivor, the command prints its place, and the line of code before and after
// the change. If a change makes no difference, or cannot be tested, add the line to
// accepted.txt without its number, and below it the reason, indented. The exit status is 1
// if there are other survivors, or if an accepted one does not survive or no longer exists.
package main
