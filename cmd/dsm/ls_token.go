package main

import (
	"encoding/base64"
	"encoding/json"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// pageToken says where a listing goes on. To users it is a word.
type pageToken struct {
	addr        string // of the server that has the listing
	incarnation uint64 // of that server
	listing     uint64
	prefix      string
	after       string
}

// tokenFields are those of a pageToken as they are written: keys need not be text.
type tokenFields struct {
	Addr        string `json:"a"`
	Incarnation uint64 `json:"i"`
	Listing     uint64 `json:"l"`
	Prefix      []byte `json:"p,omitempty"`
	After       []byte `json:"k"`
}

// tokenOf returns what goes on after a listing's latest page.
func tokenOf(l *lister) pageToken {
	return pageToken{
		addr: l.addr, incarnation: l.conn.Info().Incarnation, listing: l.page.Number,
		prefix: l.query.Prefix, after: l.query.After,
	}
}

// String returns the word.
func (t pageToken) String() string {
	text, err := json.Marshal(tokenFields{t.addr, t.incarnation, t.listing, []byte(t.prefix), []byte(t.after)})
	if err != nil {
		panic(err) // a struct of strings and numbers
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parsePageToken reads a word that String has written.
func parsePageToken(word string) (pageToken, error) {
	var f tokenFields
	text, err := base64.RawURLEncoding.DecodeString(word)
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil || f.Listing == 0 || len(f.Prefix) > wire.MaxKeyBytes || len(f.After) == 0 || len(f.After) > wire.MaxKeyBytes {
		return pageToken{}, usagef("--page-token %q: give the whole token that an earlier dsm ls --limit printed", word)
	}
	if err := checkDialled("--page-token: its server", f.Addr); err != nil {
		return pageToken{}, err
	}
	return pageToken{f.Addr, f.Incarnation, f.Listing, string(f.Prefix), string(f.After)}, nil
}
