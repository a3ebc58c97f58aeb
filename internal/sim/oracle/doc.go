// Package oracle has what the results of a simulated group are held against, beside the
// checks of package check: the dumbest state machine, which follows the one order of a
// generation and knows every write that ever was, every TTL and every owner, and the judgement of porcupine
// on the writes, strong reads and expiries of a variable.
//
//	o := oracle.New(cfg)
//	o.Command(position, &command, &result) // each of the order; cfg.Fail hears what is wrong
//
// It shares no code with package store.
package oracle
