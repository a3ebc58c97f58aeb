package bench

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
)

// progressInterval is how often the bar moves.
const progressInterval = 200 * time.Millisecond

// progressEnd is how long the end of a run waits for the terminal, which somebody may
// have stopped with Ctrl-S.
const progressEnd = time.Second

// progress is the bar on a terminal.
type progress struct {
	stop chan struct{}
	done chan struct{} // closed when the bar is no longer drawn
	err  error
}

// showProgress draws a bar that moves with time, if the run has a terminal.
// total counts the operations so far, standing tells what is wrong on purpose.
func showProgress(env program.Env, cfg *Config, total *atomic.Int64, standing func() string) *progress {
	p := &progress{stop: make(chan struct{}), done: make(chan struct{})}
	if env.Progress == nil {
		close(p.done)
		return p
	}
	whole := cfg.Warmup + cfg.Duration
	bar := progressbar.NewOptions64(whole.Milliseconds(),
		progressbar.OptionSetWriter(env.Progress),
		progressbar.OptionSetDescription("warming up"),
		progressbar.OptionFullWidth(),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionClearOnFinish(),
	)
	begin := time.Now()
	go func() {
		defer close(p.done)
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for p.err == nil {
			select {
			case <-p.stop:
				p.err = errors.Join(p.err, bar.Clear())
				return
			case <-tick.C:
			}
			elapsed := time.Since(begin)
			if elapsed > cfg.Warmup {
				n := float64(total.Load()) / (elapsed - cfg.Warmup).Seconds()
				text := report.Grouped(int64(n)) + " ops/s"
				if now := standing(); now != "" {
					text += ", " + now
				}
				bar.Describe(text)
			}
			// The bar must not end by itself before the last operation has.
			p.err = bar.Set64(min(elapsed, whole-time.Millisecond).Milliseconds())
		}
	}()
	return p
}

// finish takes the bar away. A terminal that went away, or stands still, is no harm
// to a run.
func (p *progress) finish() {
	close(p.stop)
	select {
	case <-p.done:
	case <-time.After(progressEnd):
	}
}
