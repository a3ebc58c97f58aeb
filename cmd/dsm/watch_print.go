package main

import (
	"context"
	"fmt"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/console"
)

// eventSink shows the events of a watch, each at once.
type eventSink interface {
	event(ctx context.Context, e *driver.Event) error
}

// printer returns what shows the events. name is the data source name of the group.
func (f *watchFlags) printer(s *surroundings, name string) eventSink {
	switch {
	case f.exec != "":
		return &hook{s: s, command: f.exec, dsn: name}
	case f.output == formatJSON:
		return jsonEvents{s}
	}
	return textEvents{s}
}

// textEvents prints lines with columns. The value comes last.
type textEvents struct{ s *surroundings }

func (p textEvents) event(_ context.Context, e *driver.Event) error {
	var b []byte
	if e.Old.Version != 0 {
		b = fmt.Appendf(b, "%d  %-8s  %s  %s\n", e.Position, "old", console.Escape(e.Key), p.s.shown(e.Old.Data))
	}
	switch e.Kind {
	case driver.EventPut, driver.EventInitial:
		b = fmt.Appendf(b, "%d  %-8s  %s  %s\n", e.Position, e.Kind, console.Escape(e.Key), p.s.shown(e.Data))
	case driver.EventSynced, driver.EventProgress:
		b = fmt.Appendf(b, "%d  %s\n", e.Position, e.Kind)
	default:
		b = fmt.Appendf(b, "%d  %-8s  %s\n", e.Position, e.Kind, console.Escape(e.Key))
	}
	_, err := p.s.stdout.Write(b)
	return err
}

// watchEvent is an event as JSON.
type watchEvent struct {
	Event    string  `json:"event"`
	Key      string  `json:"key,omitempty"`
	KeyBytes []byte  `json:"key_base64,omitempty"` // where Key is not valid UTF-8
	Value    []byte  `json:"value,omitzero"`
	Text     *string `json:"text,omitempty"` // Value, if it is valid UTF-8
	Version  uint64  `json:"version,string,omitempty"`
	Old      *before `json:"old,omitempty"`
	Position uint64  `json:"position,string"`
	Last     bool    `json:"last"` // nothing more comes of this position
}

// before is the value before a change, as JSON.
type before struct {
	Value   []byte  `json:"value"`
	Text    *string `json:"text,omitempty"`
	Version uint64  `json:"version,string"`
}

func newWatchEvent(e *driver.Event) watchEvent {
	w := watchEvent{Event: e.Kind.String(), Position: e.Position, Last: e.Last}
	data := e.Data
	if data == nil && (e.Kind == driver.EventPut || e.Kind == driver.EventInitial) {
		data = []byte{}
	}
	r := newResult(e.Key, data, e.Version, e.Position)
	w.Key, w.KeyBytes, w.Value, w.Text, w.Version = r.Key, r.KeyBytes, r.Value, r.Text, r.Version
	if e.Old.Version != 0 {
		old := newResult("", append([]byte{}, e.Old.Data...), e.Old.Version, 0)
		w.Old = &before{old.Value, old.Text, old.Version}
	}
	return w
}

// jsonEvents prints objects, one a line.
type jsonEvents struct{ s *surroundings }

func (p jsonEvents) event(_ context.Context, e *driver.Event) error {
	text, err := compactJSON(newWatchEvent(e))
	if err != nil {
		return err
	}
	_, err = p.s.stdout.Write(append(text, '\n'))
	return err
}
