// Package oracle has what the answers of a simulated group are held against: the dumbest
// state machine, which follows the one order of a generation and keeps all that ever was,
// and the judgement of porcupine on the writes and strong reads of a variable.
//
//	o := oracle.New(cfg)
//	o.Apply(&delivery, results) // each message of the order; cfg.Fail hears what is wrong
//	v := o.Read(key, position)
//
// It shares no code with package store.
package oracle
