// Package program has what the programs of dsmbench share: where they run ([Env]), the
// profiles that their processes take ([Profiles]), how they open the files that they write
// ([OpenOutput]), and how they report a flag whose value makes no sense ([BadFlag], which
// wraps [ErrConfig]).
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
