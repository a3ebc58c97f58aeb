package cluster

import "errors"

// Loss is what must not happen to a group during a run: a part of it ended, or
// all of its state.
type Loss struct {
	Node       string // that ended, empty if it was the state
	Why        error
	Generation uint64 // that came after the state, 0 if it is not known
}

// LossFeed is the half of a watched system that tells. One is told of once.
type LossFeed chan Loss

// NewLossFeed has room for each node, the registry and the state.
func NewLossFeed() LossFeed { return make(LossFeed, MaxNodes+2) }

// Losses is where the run reads.
func (l LossFeed) Losses() <-chan Loss { return l }

// nodeEnded tells that a node, or the registry, ended. It may be called late, when
// nobody reads any more.
func (l LossFeed) nodeEnded(node string, why error) {
	if why == nil {
		why = errors.New("it ended by itself")
	}
	l <- Loss{Node: node, Why: why}
}
