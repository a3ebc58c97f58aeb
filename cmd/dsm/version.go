package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// release says what this program is.
type release struct {
	Version     string `json:"version"`
	Revision    string `json:"revision,omitempty"`
	Modified    bool   `json:"modified,omitempty"` // built from files that differ from the revision
	Go          string `json:"go"`
	Platform    string `json:"platform"`
	MinProtocol int    `json:"min_protocol"`
	MaxProtocol int    `json:"max_protocol"`
}

func newVersionCommand(s *surroundings) *cobra.Command {
	var f format
	cmd := &cobra.Command{
		Use:               "version",
		Short:             "Print the version of this program",
		Args:              exactly(),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			if err := f.check(); err != nil {
				return err
			}
			r := thisRelease()
			return s.show(f, r.String(), r)
		},
	}
	f.addFlags(cmd)
	return cmd
}

func thisRelease() release {
	r := release{
		Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		MinProtocol: wire.MinVersion, MaxProtocol: wire.MaxVersion,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return r
	}
	r.Version = info.Main.Version
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			r.Revision = setting.Value
		case "vcs.modified":
			r.Modified = setting.Value == "true"
		}
	}
	return r
}

func (r release) String() string {
	text := fmt.Sprintf("dsm %s, protocol %d to %d, %s %s", r.Version, r.MinProtocol, r.MaxProtocol, r.Go, r.Platform)
	if r.Revision != "" {
		text += ", revision " + r.Revision
	}
	if r.Modified {
		text += " with changes"
	}
	return text
}
