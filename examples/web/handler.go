package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/driver"
)

// speedKey is the variable that all processes share.
const speedKey = "speed"

// requestTimeout bounds a request: longer than the group takes to notice that a
// member has failed, so that such a moment shows as a slow answer only.
const requestTimeout = 10 * time.Second

// handler answers requests from the variables of the group.
type handler struct {
	node string
	db   *driver.DB
}

// newHandler returns the pages of a process.
func newHandler(node string, db *driver.DB) http.Handler {
	h := &handler{node: node, db: db}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", h.hello)
	mux.HandleFunc("GET /speed", h.speed)
	mux.HandleFunc("POST /increaseSpeed", h.increaseSpeed)
	return mux
}

func (h *handler) hello(w http.ResponseWriter, _ *http.Request) {
	answer(w, "hello from "+h.node)
}

// speed tells the speed as this process's replica has it.
func (h *handler) speed(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	value, err := h.db.Get(ctx, speedKey)
	switch {
	case errors.Is(err, driver.ErrNotFound):
		answer(w, "0") // nobody has increased it yet
	case err != nil:
		refuse(w, err)
	default:
		answer(w, string(value.Data))
	}
}

// increaseSpeed adds the form value "by", 1 if there is none, and tells the sum.
// It reads and writes nothing by itself: Add does both at one place in the
// order, wherever else it is called at the same moment.
func (h *handler) increaseSpeed(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	by := int64(1)
	if text := r.FormValue("by"); text != "" {
		var err error
		if by, err = strconv.ParseInt(text, 10, 64); err != nil {
			http.Error(w, fmt.Sprintf("by is %q: it must be a whole number", text), http.StatusBadRequest)
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	speed, err := h.db.Add(ctx, speedKey, by)
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, strconv.FormatInt(speed, 10))
}

// answer writes a line of text. When the browser has gone there is nobody to
// tell.
func answer(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = fmt.Fprintln(w, text)
}

// refuse tells what is certain about a request that failed.
func refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, driver.ErrOutcomeUnknown):
		http.Error(w, "the speed may have been increased, or not: "+err.Error(), http.StatusGatewayTimeout)
	case errors.Is(err, driver.ErrOverflow), errors.Is(err, driver.ErrNotInteger):
		http.Error(w, "the speed was not increased: "+err.Error(), http.StatusConflict)
	case errors.Is(err, driver.ErrUnavailable), errors.Is(err, driver.ErrClosed):
		http.Error(w, "nothing was done: "+err.Error(), http.StatusServiceUnavailable)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
