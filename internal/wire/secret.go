package wire

import "crypto/sha256"

// Secret is what a client shows with each connection, so that only its own connections may use
// its sessions. Whoever draws it sees to it that nobody can guess it. The zero Secret is none.
type Secret [16]byte

// String returns a word that stands for s, so that no log shows it.
func (Secret) String() string { return "(secret)" }

// Lock is what the group keeps of a secret, beside each session that its client opens. It is no
// secret itself: deliveries and snapshots show it, and nobody can compute the secret from it. The
// zero Lock is none: everybody may use the session.
type Lock [16]byte

// lockDomain keeps locks apart from all other hashes of the same bytes.
const lockDomain = "dsm session lock\x00"

// Lock returns the lock that s opens. That of the zero Secret is the zero Lock.
func (s Secret) Lock() Lock {
	if s == (Secret{}) {
		return Lock{}
	}
	sum := sha256.Sum256(append([]byte(lockDomain), s[:]...))
	return Lock(sum[:])
}

// Opens reports whether a client that has shown the secret of the lock l may use a session with
// the lock of.
func (l Lock) Opens(of Lock) bool { return of == Lock{} || of == l }

// Lock has c, an OpOpenSession or an OpOpenTimed, open a session that has the lock l. An OpOpenTimed
// without a TTL, which is refused, stays as it is.
func (c *Command) Lock(l Lock) {
	if c.Op == OpOpenTimed && c.Delta == 0 {
		return
	}
	c.Op, c.Value = OpOpenLocked, AppendLocked(nil, l, string(c.Value))
}

// AppendLocked appends the Value of an OpOpenLocked: a lock, and the client's address.
func AppendLocked(dst []byte, l Lock, address string) []byte {
	return append(append(dst, l[:]...), address...)
}

// CutLocked returns the two parts of the Value of an OpOpenLocked. The address aliases it. ok is
// false if there is no lock.
func CutLocked(value []byte) (l Lock, address []byte, ok bool) {
	if len(value) < len(l) || Lock(value) == (Lock{}) {
		return Lock{}, nil, false
	}
	return Lock(value), value[len(l):], true
}
