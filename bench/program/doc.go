// Package program has what the programs of dsmbench share: their environment ([Env]), the
// profiles of their processes ([Profiles]), output files ([OpenOutput]), and errors for flags
// with wrong values ([BadFlag], which wraps [ErrConfig]).
//
//	env := program.Env{Notices: os.Stderr}.OrNowhere()
//	if err := program.CheckInt("nodes", nodes, 1, 64); err != nil {
//		return err // bench: configuration: --nodes 0: must be from 1 to 64
//	}
//	env.Notice("loading %d variables", n)
//	if !program.Pause(ctx, time.Second) {
//		return program.ErrInterrupted
//	}
package program
