package registry

import (
	"context"
	"time"

	"connectrpc.com/connect"

	"github.com/seed-8247e700/dsm/registry/keeper"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// service is the registry's API. Every method is one step of the group.
type service struct{ r *Registry }

func (s service) Register(_ context.Context, req *connect.Request[registrypb.RegisterRequest]) (*connect.Response[registrypb.RegisterResponse], error) {
	became, err := s.r.register(registrationOf(req.Msg))
	if err != nil {
		return nil, toWire(err)
	}
	return connect.NewResponse(&registrypb.RegisterResponse{Incarnation: became.Incarnation, Directive: directiveProto(became.Directive)}), nil
}

func (s service) Heartbeat(_ context.Context, req *connect.Request[registrypb.HeartbeatRequest]) (*connect.Response[registrypb.Directive], error) {
	m := req.Msg
	var out *registrypb.Directive
	err := s.r.keep(func(k *keeper.Keeper, now time.Duration) error {
		d, err := k.Heartbeat(now, fromOf(m), reportOf(m))
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
	from := fromOf(m)
	err := s.r.keep(func(k *keeper.Keeper, now time.Duration) error {
		if m.GetStopped() {
			if !k.Is(from) { // with the token neither: if it is not true, two views serve
				return s.r.door.forbid(req, "only the node itself may say that it has stopped")
			}
			return k.Stopped(now, from, m.GetForce())
		}
		// A node leaves by its own wish. Who makes another one leave shows the token.
		if !k.MayLeave(from, m.GetForce()) {
			if err := s.r.door.authorize(req); err != nil {
				return err
			}
		}
		return k.Leave(now, from, m.GetForce(), m.GetReason())
	})
	return respond(new(registrypb.LeaveResponse), err)
}

func (s service) Status(context.Context, *connect.Request[registrypb.StatusRequest]) (*connect.Response[registrypb.StatusResponse], error) {
	return connect.NewResponse(s.r.status()), nil
}

func (s service) NewGeneration(_ context.Context, req *connect.Request[registrypb.NewGenerationRequest]) (*connect.Response[registrypb.NewGenerationResponse], error) {
	if err := s.r.door.authorize(req); err != nil {
		return nil, toWire(err)
	}
	out := new(registrypb.NewGenerationResponse)
	err := s.r.keep(func(k *keeper.Keeper, now time.Duration) (err error) {
		out.Generation, err = k.NewGeneration(now, req.Msg.GetForce())
		return err
	})
	return respond(out, err)
}

// status tells what is saved; it answers in trouble too, and says so.
func (r *Registry) status() *registrypb.StatusResponse {
	r.mu.Lock()
	defer r.mu.Unlock()
	status, problem := r.keeper.Status(r.clock.Now())
	out := statusProto(status)
	out.Durable = r.durable
	if problem != nil {
		out.Problem = problem.Error()
	}
	return out
}

func respond[T any](msg *T, err error) (*connect.Response[T], error) {
	if err != nil {
		return nil, toWire(err)
	}
	return connect.NewResponse(msg), nil
}
