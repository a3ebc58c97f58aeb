package registry

import (
	"context"
	"time"

	"connectrpc.com/connect"

	"github.com/seed-8247e700/dsm/registry/membership"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// service is the registry's API. Every method is one step of the group.
type service struct{ r *Registry }

func (s service) Register(_ context.Context, req *connect.Request[registrypb.RegisterRequest]) (*connect.Response[registrypb.RegisterResponse], error) {
	m := req.Msg
	out := new(registrypb.RegisterResponse)
	err := s.change(func(now time.Duration) error {
		incarnation, err := s.r.group.Register(now, registrationOf(m))
		out.Incarnation = incarnation
		return err
	}, func() error {
		state := s.r.group.Status(s.r.clock.Now())
		d, err := s.r.group.Directive(membership.From{
			ID: m.GetId(), Incarnation: out.GetIncarnation(), Group: state.Group, Generation: state.Generation,
		}, 0)
		out.Directive = directiveProto(d)
		return err
	})
	return respond(out, err)
}

func (s service) Heartbeat(_ context.Context, req *connect.Request[registrypb.HeartbeatRequest]) (*connect.Response[registrypb.Directive], error) {
	m := req.Msg
	from := fromOf(m)
	var out *registrypb.Directive
	err := s.change(func(now time.Duration) error {
		return s.r.group.Heartbeat(now, from, reportOf(m))
	}, func() error {
		d, err := s.r.group.Directive(from, m.GetView())
		out = directiveProto(d)
		return err
	})
	return respond(out, err)
}

func (s service) Watch(ctx context.Context, req *connect.Request[registrypb.WatchRequest], stream *connect.ServerStream[registrypb.Directive]) error {
	m := req.Msg
	from := fromOf(m)
	err := s.r.watch(ctx, from, stream.Send)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return toWire(err)
}

func (s service) Leave(_ context.Context, req *connect.Request[registrypb.LeaveRequest]) (*connect.Response[registrypb.LeaveResponse], error) {
	m := req.Msg
	err := s.change(func(now time.Duration) error {
		return s.r.group.Leave(now, fromOf(m), m.GetForce(), m.GetReason())
	}, nil)
	return respond(new(registrypb.LeaveResponse), err)
}

func (s service) Status(context.Context, *connect.Request[registrypb.StatusRequest]) (*connect.Response[registrypb.StatusResponse], error) {
	return connect.NewResponse(s.r.status()), nil
}

func (s service) NewGeneration(_ context.Context, req *connect.Request[registrypb.NewGenerationRequest]) (*connect.Response[registrypb.NewGenerationResponse], error) {
	out := new(registrypb.NewGenerationResponse)
	err := s.change(func(now time.Duration) error {
		generation, err := s.r.group.NewGeneration(now, req.Msg.GetForce())
		out.Generation = generation
		return err
	}, nil)
	return respond(out, err)
}

// change makes a step and reads its answer before anything else can happen.
func (s service) change(change func(now time.Duration) error, answer func() error) error {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if err := s.r.stepLocked(change); err != nil || answer == nil {
		return err
	}
	return answer()
}

// status tells what is saved; it answers in trouble too, and says so.
func (r *Registry) status() *registrypb.StatusResponse {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := statusProto(r.group.Status(r.clock.Now()))
	out.Durable = r.durable
	if r.problem != nil {
		out.Problem = r.problem.Error()
	}
	return out
}

func respond[T any](msg *T, err error) (*connect.Response[T], error) {
	if err != nil {
		return nil, toWire(err)
	}
	return connect.NewResponse(msg), nil
}
