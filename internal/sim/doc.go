// Package sim simulates whole groups.
package sim
