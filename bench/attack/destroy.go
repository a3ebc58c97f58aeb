package attack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// plea is a request to the registry that it has to refuse.
type plea struct {
	path  string
	token string // that is shown, if any
	// host and origin are those of the request, if they are not the registry's.
	host, origin string
	body         func(m member) string // about a member
}

const api = "/dsm.registry.v1.Registry/"

func force(member) string { return `{"force":true}` }

// pleas are of those who only know the members.
var pleas = []plea{
	{path: api + "NewGeneration", body: force},
	{path: api + "NewGeneration", token: "guessed", body: force},
	{path: api + "Leave", body: func(m member) string {
		return fmt.Sprintf(`{"id":%q,"incarnation":"%d","force":true,"reason":"hostile"}`, m.ID, m.Incarnation)
	}},
	{path: api + "Register", body: func(m member) string {
		return fmt.Sprintf(`{"id":%q,"peerAddr":"127.0.0.1:1","clientAddr":"127.0.0.1:1","provedDead":"%d","featureLevel":%d}`, m.ID, m.Incarnation, claimedLevel)
	}},
	{path: api + "Status", host: "evil.example", body: func(member) string { return `{}` }},
	{path: api + "Status", origin: "https://evil.example", body: func(member) string { return `{}` }},
}

// claimedLevel is the feature level of a made-up node. It is high, so that it is no reason to
// refuse it.
const claimedLevel = 1 << 10

// destroy returns what sends the registry all pleas, about each member in turns.
func destroy(a *Attack) func() error {
	client := &http.Client{Transport: &http.Transport{
		MaxConnsPerHost: 1,
		DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
			conn, err := a.dial(addr)
			if err == nil {
				a.opened.Add(1)
			}
			return conn, err
		},
	}}
	context.AfterFunc(a.ctx, client.CloseIdleConnections)
	turn := 0
	return func() error {
		members, err := a.members(client)
		if err != nil {
			return err
		}
		p, m := &pleas[turn%len(pleas)], members[turn/len(pleas)%len(members)]
		turn++
		return a.plead(client, p, m)
	}
}

// members asks the registry for the members, of whom there is one at least.
func (a *Attack) members(client *http.Client) ([]member, error) {
	req, err := http.NewRequestWithContext(a.ctx, http.MethodGet, "http://"+a.cfg.Registry+"/v1/view", nil)
	if err != nil {
		return nil, err
	}
	body, status, err := send(client, req)
	if err != nil {
		return nil, err
	}
	var current struct {
		View struct {
			Members []member `json:"members"`
		} `json:"view"`
	}
	if err := json.Unmarshal(body, &current); err != nil {
		return nil, fmt.Errorf("attack: the view, with status %d: %w", status, err)
	}
	if len(current.View.Members) == 0 {
		return nil, errors.New("attack: the group has no members")
	}
	return current.View.Members, nil
}

// plead sends a plea about a member.
func (a *Attack) plead(client *http.Client, p *plea, m member) error {
	req, err := http.NewRequestWithContext(a.ctx, http.MethodPost, "http://"+a.cfg.Registry+p.path, strings.NewReader(p.body(m)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Host = p.host // "": that of the address
	if p.origin != "" {
		req.Header.Set("Origin", p.origin)
	}
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	a.requests.Add(1)
	_, status, err := send(client, req)
	if err != nil {
		return err
	}
	a.replies.Add(1)
	if status < http.StatusBadRequest {
		a.granted.Add(1)
	}
	return nil
}

// send returns the body and the status of an answer.
func send(client *http.Client, req *http.Request) (body []byte, status int, err error) {
	reply, err := client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	body, err = io.ReadAll(io.LimitReader(reply.Body, maxReplyBytes))
	return body, reply.StatusCode, errors.Join(err, reply.Body.Close())
}
