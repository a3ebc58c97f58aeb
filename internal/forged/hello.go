package forged

import (
	"encoding/binary"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// Hello greets a node in the name of a member.
func Hello(to *wire.Info, from isis.MemberID) wire.Hello {
	extra := link.AppendMember(nil, from)
	extra = link.AppendMember(extra, isis.MemberID{ID: to.NodeID, Incarnation: to.Incarnation})
	for _, n := range []uint64{1 << 62, 1<<40 + 7, 0, 0} { // dial, the newest of all times; epochs; what was received
		extra = binary.AppendUvarint(extra, n)
	}
	return wire.Hello{
		Role: wire.RolePeer, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion,
		Group: to.Group, Generation: to.Generation, Extra: append(extra, 0), // the link is alive
	}
}
