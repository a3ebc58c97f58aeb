package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/seed-8247e700/dsm/driver"
)

// notCounter turns the error of an Add to a variable that holds no integer into
// one that says what it holds. It asks for the value, which somebody may have
// changed meanwhile.
func notCounter(ctx context.Context, db *driver.DB, key string, err error) error {
	if !errors.Is(err, driver.ErrNotInteger) {
		return about(key, err)
	}
	value, getErr := db.Get(ctx, key)
	if getErr != nil {
		return about(key, err)
	}
	return saying(err, "%q holds no decimal integer of 64 bits: %s; nothing was changed", key, whyNoInteger(string(value.Data)))
}

// shownBytes is how much of a value an error shows.
const shownBytes = 40

// whyNoInteger says in what a text differs from a decimal integer of 64 bits.
func whyNoInteger(text string) string {
	if text == "" {
		return "its value is empty; set it to 0 first"
	}
	if len(text) > shownBytes {
		return fmt.Sprintf("its value has %d bytes, and begins with %q", len(text), text[:shownBytes])
	}
	switch {
	case isInteger(text): // somebody was quicker
		return fmt.Sprintf("its value has changed meanwhile and is now %q; try again", text)
	case isInteger(strings.TrimRight(text, "\r\n")):
		return fmt.Sprintf("its value %q ends with a newline; set it again without one, such as with set --trim", text)
	case isInteger(strings.TrimSpace(text)):
		return fmt.Sprintf("its value %q has space around the number", text)
	case isDigits(text):
		return fmt.Sprintf("its value %q is not from %d to %d", text, math.MinInt64, math.MaxInt64)
	case isNumber(text):
		return fmt.Sprintf("its value %q is not a decimal integer", text)
	default:
		return fmt.Sprintf("its value is %q", text)
	}
}

func isInteger(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

func isDigits(text string) bool {
	_, ok := new(big.Int).SetString(text, 10)
	return ok
}

// isNumber reports whether text is a number in any way that Go knows.
func isNumber(text string) bool {
	_, whole := new(big.Int).SetString(text, 0)
	_, err := strconv.ParseFloat(text, 64)
	return whole || err == nil || errors.Is(err, strconv.ErrRange)
}
