package registry

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/seed-8247e700/dsm/registry/registrypb"
	"github.com/seed-8247e700/dsm/registry/registrypb/registrypbconnect"
)

// Bounds on what a peer of the API may do.
const (
	maxRequestBytes = 256 << 10 // a heartbeat of a full group has about 8 KiB
	maxHeaderBytes  = 16 << 10
	headerTimeout   = 5 * time.Second
	bodyTimeout     = 5 * time.Second
	idleTimeout     = 2 * time.Minute
)

func (r *Registry) newServer() *http.Server {
	mux := http.NewServeMux()
	path, api := registrypbconnect.NewRegistryHandler(service{r}, connect.WithReadMaxBytes(maxRequestBytes))
	mux.Handle(path, bounded(api))
	mux.HandleFunc("GET /v1/view", r.getView)
	mux.HandleFunc("GET /healthz", r.getHealth)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           attended(r.door.guarded(mux)),
		ConnContext:       withGuest,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(r.log.Handler(), slog.LevelDebug),
	}
}

// bounded reads a request whole, within a time and a size, before it is
// handled. A timeout of the whole request would end watches too.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		control := http.NewResponseController(w)
		if err := control.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxRequestBytes))
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			http.Error(w, "the request is larger than the registry accepts", http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil {
			http.Error(w, "the whole request did not arrive in time", http.StatusRequestTimeout)
			return
		}
		if err := control.SetReadDeadline(time.Time{}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, req)
	})
}

// getView answers the current view as JSON, for discovery by a plain GET.
func (r *Registry) getView(w http.ResponseWriter, _ *http.Request) {
	s := r.status()
	body, err := protojson.Marshal(&registrypb.CurrentView{
		Group:      s.GetGroup(),
		Generation: s.GetGeneration(),
		View:       s.GetView(),
		Settings:   s.GetSettings(),
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	r.write(w, append(body, '\n'))
}

func (r *Registry) getHealth(w http.ResponseWriter, _ *http.Request) {
	if problem := r.status().GetProblem(); problem != "" {
		http.Error(w, problem, http.StatusServiceUnavailable)
		return
	}
	r.write(w, []byte("ok\n"))
}

func (r *Registry) write(w io.Writer, body []byte) {
	if _, err := w.Write(body); err != nil {
		r.log.Debug("an answer could not be sent", "err", err)
	}
}
