// Command mutants shows which lines no test holds. It changes a package in one
// place, runs the tests, and does so for each condition, assignment and call of the
// package. A change that no test notices has survived.
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
// The checkout is not touched: the go command reads changed files through its flag
// -overlay. Mutants that do not overlap are compiled together, and the environment's
// DSM_MUTANT says which of them is switched on when the tests run. The file targets.txt says which tests should notice, in the order in which
// they are tried. Tests of another package may be named. A mutant that the tests do not
// reach at all, as their coverage shows, is not run. Tests that run for much longer than
// without the change are ended, which kills the mutant.
//
// Each survivor is a line with its place, and with the line of code as it is and as it
// was changed. A change that makes no difference, or one that cannot be tested, is written
// into accepted.txt without the number of the line, and below it the reason, indented.
// The exit status is 1 if there are other survivors, or if an accepted one does not
// survive or does not exist any more.
package main
