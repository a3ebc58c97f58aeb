package main

import (
	"os"
	"testing"

	"github.com/seed-8247e700/dsm/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Checked(m, "net/http").Run()) }
