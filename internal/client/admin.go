package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Status asks the node for its status, a JSON object.
func (c *Conn) Status(ctx context.Context) (json.RawMessage, error) {
	reply, err := c.ask(ctx, "status", wire.Request{Kind: wire.RequestStatus})
	return json.RawMessage(reply.Data), err
}

// Audit orders an audit, and returns its position and the digest of the node's
// state there.
func (c *Conn) Audit(ctx context.Context) (position, digest uint64, err error) {
	reply, err := c.ask(ctx, "audit", wire.Request{Kind: wire.RequestDigest})
	return reply.Position, reply.Version, err
}

// Digest returns the digest of the node's state at the audit that was ordered
// at position, which the node keeps for the latest audits only.
func (c *Conn) Digest(ctx context.Context, position uint64) (digest uint64, err error) {
	reply, err := c.ask(ctx, "digest", wire.Request{Kind: wire.RequestDigest, Position: position})
	return reply.Version, err
}

// Barrier orders a no-op and returns its position. All that was acknowledged
// before the call is at or before it.
func (c *Conn) Barrier(ctx context.Context) (position uint64, err error) {
	reply, err := c.ask(ctx, "barrier", wire.Request{Kind: wire.RequestBarrier})
	return reply.Position, err
}

// ErrNoList says that a node is of a release that cannot list keys. Nothing was
// sent.
var ErrNoList = errors.New("client: the server does not support ls")

// Listing is a page of a listing, and what it is a page of.
type Listing struct {
	wire.ListPage
	Number   uint64 // for the query of the next page
	Position uint64 // whose state all pages show
}

// List asks the node for a page of its keys, as of position or later. What it keeps
// for further pages it gives up when nobody asks for 30 s.
func (c *Conn) List(ctx context.Context, q wire.ListQuery, position uint64) (Listing, error) {
	if c.version < wire.VersionList {
		return Listing{}, fmt.Errorf("%w: node %s speaks version %d of the protocol, which has no listings: upgrade it", ErrNoList, c.info.NodeID, c.version)
	}
	reply, err := c.ask(ctx, "ls", wire.Request{Kind: wire.RequestList, Key: string(q.Append(nil)), Position: position})
	if err != nil {
		return Listing{}, err
	}
	page, err := wire.DecodeListPage(reply.Data)
	if err != nil {
		return Listing{}, fmt.Errorf("client: ls: %w", err)
	}
	return Listing{ListPage: page, Number: reply.Version, Position: reply.Position}, nil
}

// ErrNoSessions says that a node is of a release that cannot list sessions. Nothing was
// sent.
var ErrNoSessions = errors.New("client: the server does not support sessions")

// Sessions asks the node for a page of the group's sessions, as of position or later, and
// returns the position that the page shows.
func (c *Conn) Sessions(ctx context.Context, q wire.SessionsQuery, position uint64) (page wire.SessionsPage, shown uint64, err error) {
	if c.version < wire.VersionSessions {
		return page, 0, fmt.Errorf("%w: node %s speaks version %d of the protocol, which cannot list sessions: upgrade it, or see dsm status", ErrNoSessions, c.info.NodeID, c.version)
	}
	reply, err := c.ask(ctx, "sessions", wire.Request{Kind: wire.RequestSessions, Key: string(q.Append(nil)), Position: position})
	if err != nil {
		return page, 0, err
	}
	if page, err = wire.DecodeSessionsPage(reply.Data); err != nil {
		return page, 0, fmt.Errorf("client: sessions: %w", err)
	}
	return page, reply.Position, nil
}

// ask makes a round trip and turns a status other than OK into an error.
func (c *Conn) ask(ctx context.Context, what string, r wire.Request) (wire.Reply, error) {
	reply, err := c.roundTrip(ctx, &r)
	if err != nil {
		return wire.Reply{}, err
	}
	return reply, statusError(what, reply)
}
