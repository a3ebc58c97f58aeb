package store

// Notes is what a message did beside its results that the replica has to know: rare
// things, in the order of their positions.
type Notes struct {
	Audits   []AuditNote
	Verdicts []Verdict
	Crowds   []Crowd

	// Damage is not nil if a command met bytes that the order did not write. The
	// results of the message are then not those of the other replicas.
	Damage error
}

// AuditNote is an audit that has begun.
type AuditNote struct {
	Position uint64
	Digest   uint64 // of the state before it
	Voters   []string
}

// Verdict is an audit whose voters have all voted.
type Verdict struct {
	Position  uint64   // of the audit
	Differing []string // voters whose digest is not the majority's
}

// Crowd is a client that opened a session, or was refused one, when four fifths or
// more of a bound were taken.
type Crowd struct {
	Client ClientSessions
	Bound  Bound
}

// reset forgets the notes of the message before.
func (n *Notes) reset() {
	if len(n.Audits)+len(n.Verdicts)+len(n.Crowds) > 0 || n.Damage != nil {
		clear(n.Audits)
		clear(n.Verdicts)
		clear(n.Crowds)
		*n = Notes{Audits: n.Audits[:0], Verdicts: n.Verdicts[:0], Crowds: n.Crowds[:0]}
	}
}
