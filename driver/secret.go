package driver

import (
	"crypto/rand"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// newSecret draws the secret of a handle, which nobody can guess.
func newSecret() (s wire.Secret) {
	_, _ = rand.Read(s[:]) // it never fails
	return s
}
