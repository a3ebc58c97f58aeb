package server

import (
	"context"
	"log/slog"

	"github.com/seed-8247e700/dsm/registry"
)

// RegistryConfig sets up a registry.
type RegistryConfig struct {
	// Listen is the address of the registry's API. Default "127.0.0.1:0".
	Listen string

	// DataDir is where views are kept, so that a restart goes on from them.
	// Default "": in memory only.
	DataDir string

	// TokenFile is the file of the registry's token, which a request needs that begins a new
	// generation, or makes another node leave. Only its owner may read it. Default: the
	// file "token" in DataDir, made at the first start; without DataDir there is no
	// token, and such requests are refused.
	TokenFile string

	// AllowHosts are the names under which HTTP requests may ask for the registry, beside
	// addresses and names without a dot. Nodes and drivers need none.
	AllowHosts []string

	// Settings of the group. Zero values keep what is stored, or the defaults.
	Settings registry.Settings

	// Logger takes what the registry has to say. Its handler must not block.
	// Default: slog.Default().
	Logger *slog.Logger
}

// StartRegistry starts the registry of one group in this process. Close stops
// it; the group's view is frozen then.
func StartRegistry(ctx context.Context, cfg RegistryConfig) (*registry.Registry, error) {
	return registry.Start(ctx, registry.Config{
		Listen: cfg.Listen, DataDir: cfg.DataDir, TokenFile: cfg.TokenFile, AllowHosts: cfg.AllowHosts, Settings: cfg.Settings, Logger: cfg.Logger,
	})
}
