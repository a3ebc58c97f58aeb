package member

// Gate bounds the commands that clients have under way at a member: those that were taken
// and have neither been delivered nor refused. It is not safe for concurrent use.
type Gate struct {
	admitted int // bytes
	limit    int
}

// NewGate returns a gate for limit bytes of commands.
func NewGate(limit int) Gate { return Gate{limit: limit} }

// Open reports whether another command may be taken. The command that exceeds the limit
// is the last one.
func (g *Gate) Open() bool { return g.admitted <= g.limit }

// Admit takes a command.
func (g *Gate) Admit(size int) { g.admitted += size }

// Release gives back what Turn has released, and reports whether that opens the gate.
func (g *Gate) Release(bytes int) (opens bool) {
	was := g.Open()
	g.admitted -= bytes
	return !was && g.Open()
}

// Admitted returns how many bytes of commands are under way.
func (g *Gate) Admitted() int { return g.admitted }
