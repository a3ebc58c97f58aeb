package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// addressHeadStart is how long one address of a member's name is waited for before
// the next is tried beside it.
const addressHeadStart = 250 * time.Millisecond

// locate returns the address to dial for a member that advertises addr: addr itself,
// unless that is a name with several addresses. Then it returns the first address at
// which the member itself answers, so that addresses which hang, lead to another node
// or to nobody are passed over.
func (r *replica) locate(ctx context.Context, who isis.MemberID, addr string) (string, error) {
	addrs, err := client.Resolve(ctx, r.cfg.lookup, addr)
	if err != nil {
		return "", err
	}
	if len(addrs) == 1 {
		return addrs[0], nil
	}
	at, err := client.First(ctx, addrs, 1, addressHeadStart, func(ctx context.Context, at string) (string, error) {
		found, err := r.whoIs(ctx, at)
		if err == nil {
			err = r.isMember(found, who)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", at, err)
		}
		return at, nil
	})
	if err != nil {
		return "", fmt.Errorf("the name %s has %d addresses, and none of them leads to %s: %w", addr, len(addrs), who, err)
	}
	return at, nil
}

// isMember returns nil if it is the member that has answered, and else who it is.
func (r *replica) isMember(found wire.Info, who isis.MemberID) error {
	switch {
	case found.Incarnation == 0: // it has not registered yet
		return nil
	case found.Group == r.group && found.Incarnation == r.self.Incarnation && found.NodeID == r.self.ID && r.self != who:
		return errors.New("this node itself answers")
	case found.Group != r.group:
		return fmt.Errorf("%s of another group (%x) answers", found.NodeID, found.Group)
	case found.Incarnation != who.Incarnation || found.NodeID != who.ID:
		return fmt.Errorf("%s#%d answers", found.NodeID, found.Incarnation)
	}
	return nil
}
