package systems

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/server"
)

// startDSMEmbedded starts the nodes, and the registry, in this process.
func startDSMEmbedded(ctx context.Context, _ Env) (_ point.System, err error) {
	quiet := slog.New(slog.DiscardHandler)
	var reg *registry.Registry
	var nodes []*server.Node
	s := &dsm{}
	s.close = func() error {
		var errs []error
		for i := len(nodes) - 1; i >= 0; i-- {
			errs = append(errs, nodes[i].Close())
		}
		if reg != nil {
			errs = append(errs, reg.Close())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	reg, err = server.StartRegistry(ctx, server.RegistryConfig{Listen: "127.0.0.1:0", Logger: quiet})
	if err != nil {
		return nil, err
	}
	for i := range members {
		node, err := server.Start(ctx, server.Config{
			ID: fmt.Sprintf("n%d", i+1), Registry: reg.Addr(), Listen: "127.0.0.1:0", Logger: quiet,
		})
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
		s.handles = append(s.handles, driver.OpenDB(node))
	}
	return s, nil
}
