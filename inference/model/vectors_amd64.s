#include "textflag.h"

// What these do, and what they may read, stands beside their callers in
// vectors_amd64.go. Sums are float32 and added in the order of the list, each
// lane on its own, with the processor's own rounding: as Go adds them.

// Rows and partners are slices, of whose 24 bytes the first eight point to
// their words.
#define SLICE 24

// 0, 1, … 31.
DATA count<>+0(SB)/8, $0x0003000200010000
DATA count<>+8(SB)/8, $0x0007000600050004
DATA count<>+16(SB)/8, $0x000b000a00090008
DATA count<>+24(SB)/8, $0x000f000e000d000c
DATA count<>+32(SB)/8, $0x0013001200110010
DATA count<>+40(SB)/8, $0x0017001600150014
DATA count<>+48(SB)/8, $0x001b001a00190018
DATA count<>+56(SB)/8, $0x001f001e001d001c
GLOBL count<>(SB), RODATA|NOPTR, $64

// Of the words of 16 partners, eight in each of two registers: the first quarter
// of all, then the second.
DATA first<>+0(SB)/8, $0x000c000800040000
DATA first<>+8(SB)/8, $0x001c001800140010
DATA first<>+16(SB)/8, $0x002c002800240020
DATA first<>+24(SB)/8, $0x003c003800340030
DATA first<>+32(SB)/8, $0x000d000900050001
DATA first<>+40(SB)/8, $0x001d001900150011
DATA first<>+48(SB)/8, $0x002d002900250021
DATA first<>+56(SB)/8, $0x003d003900350031
GLOBL first<>(SB), RODATA|NOPTR, $64

// The third of all, then the fourth.
DATA third<>+0(SB)/8, $0x000e000a00060002
DATA third<>+8(SB)/8, $0x001e001a00160012
DATA third<>+16(SB)/8, $0x002e002a00260022
DATA third<>+24(SB)/8, $0x003e003a00360032
DATA third<>+32(SB)/8, $0x000f000b00070003
DATA third<>+40(SB)/8, $0x001f001b00170013
DATA third<>+48(SB)/8, $0x002f002b00270023
DATA third<>+56(SB)/8, $0x003f003b00370033
GLOBL third<>(SB), RODATA|NOPTR, $64

// Of eight partners' words for two trees, in two registers: the first quarter of
// all for the one tree, then the second, the third and the fourth.
DATA one<>+0(SB)/8, $0x0014001000040000
DATA one<>+8(SB)/8, $0x0034003000240020
DATA one<>+16(SB)/8, $0x0015001100050001
DATA one<>+24(SB)/8, $0x0035003100250021
DATA one<>+32(SB)/8, $0x0016001200060002
DATA one<>+40(SB)/8, $0x0036003200260022
DATA one<>+48(SB)/8, $0x0017001300070003
DATA one<>+56(SB)/8, $0x0037003300270023
GLOBL one<>(SB), RODATA|NOPTR, $64

// The same for the other tree.
DATA other<>+0(SB)/8, $0x001c0018000c0008
DATA other<>+8(SB)/8, $0x003c0038002c0028
DATA other<>+16(SB)/8, $0x001d0019000d0009
DATA other<>+24(SB)/8, $0x003d0039002d0029
DATA other<>+32(SB)/8, $0x001e001a000e000a
DATA other<>+40(SB)/8, $0x003e003a002e002a
DATA other<>+48(SB)/8, $0x001f001b000f000b
DATA other<>+56(SB)/8, $0x003f003b002f002b
GLOBL other<>(SB), RODATA|NOPTR, $64

// SPREADING begins: CX is the end of the partners, AX the first byte of their
// words and DX the last.
#define SPREADING \
	MOVQ lanes+0(FP), DI \
	MOVQ partners+8(FP), SI \
	MOVQ n+16(FP), CX \
	MOVQ from+24(FP), AX \
	MOVQ to+32(FP), DX \
	IMULQ $SLICE, CX \
	ADDQ SI, CX \
	SHLQ $3, AX \
	SHLQ $3, DX

// ADDING begins: R12, R13 and R9 are the second group of lanes, the third and
// the fourth.
#define ADDING \
	MOVQ sums+0(FP), DI \
	MOVQ list+8(FP), SI \
	MOVQ n+16(FP), CX \
	MOVQ words+24(FP), AX \
	MOVQ lanes+32(FP), DX \
	MOVQ step+40(FP), R9 \
	MOVQ leaves+48(FP), BX \
	LEAQ (DX)(R9*1), R12 \
	LEAQ (R12)(R9*1), R13 \
	ADDQ R13, R9 \
	LEAQ (SI)(CX*2), CX

// func and512(words *uint64, rows *[]uint64, n, from, to int)
TEXT ·and512(SB), NOSPLIT, $0-40
	MOVQ words+0(FP), DI
	MOVQ rows+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ from+24(FP), AX
	MOVQ to+32(FP), DX
	IMULQ $SLICE, CX
	SHLQ $3, AX
	SHLQ $3, DX

four: // vectors at once
	LEAQ 256(AX), R8
	CMPQ R8, DX
	JGT one
	MOVQ (SI), R9
	VMOVDQU64 (R9)(AX*1), Z0
	VMOVDQU64 64(R9)(AX*1), Z1
	VMOVDQU64 128(R9)(AX*1), Z2
	VMOVDQU64 192(R9)(AX*1), Z3
	MOVQ $SLICE, BX
	JMP fourMore

fourRow:
	MOVQ (SI)(BX*1), R9
	VPANDQ (R9)(AX*1), Z0, Z0
	VPANDQ 64(R9)(AX*1), Z1, Z1
	VPANDQ 128(R9)(AX*1), Z2, Z2
	VPANDQ 192(R9)(AX*1), Z3, Z3
	ADDQ $SLICE, BX

fourMore:
	CMPQ BX, CX
	JLT fourRow
	VMOVDQU64 Z0, (DI)(AX*1)
	VMOVDQU64 Z1, 64(DI)(AX*1)
	VMOVDQU64 Z2, 128(DI)(AX*1)
	VMOVDQU64 Z3, 192(DI)(AX*1)
	MOVQ R8, AX
	JMP four

one:
	CMPQ AX, DX
	JGE done
	MOVQ (SI), R9
	VMOVDQU64 (R9)(AX*1), Z0
	MOVQ $SLICE, BX
	JMP oneMore

oneRow:
	MOVQ (SI)(BX*1), R9
	VPANDQ (R9)(AX*1), Z0, Z0
	ADDQ $SLICE, BX

oneMore:
	CMPQ BX, CX
	JLT oneRow
	VMOVDQU64 Z0, (DI)(AX*1)
	ADDQ $64, AX
	JMP one

done:
	VZEROUPPER
	RET

// func and2(words *uint64, rows *[]uint64, n, from, to int)
TEXT ·and2(SB), NOSPLIT, $0-40
	MOVQ words+0(FP), DI
	MOVQ rows+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ from+24(FP), AX
	MOVQ to+32(FP), DX
	IMULQ $SLICE, CX
	SHLQ $3, AX
	SHLQ $3, DX

four: // vectors at once
	LEAQ 128(AX), R8
	CMPQ R8, DX
	JGT two
	MOVQ (SI), R9
	VMOVDQU (R9)(AX*1), Y0
	VMOVDQU 32(R9)(AX*1), Y1
	VMOVDQU 64(R9)(AX*1), Y2
	VMOVDQU 96(R9)(AX*1), Y3
	MOVQ $SLICE, BX
	JMP fourMore

fourRow:
	MOVQ (SI)(BX*1), R9
	VPAND (R9)(AX*1), Y0, Y0
	VPAND 32(R9)(AX*1), Y1, Y1
	VPAND 64(R9)(AX*1), Y2, Y2
	VPAND 96(R9)(AX*1), Y3, Y3
	ADDQ $SLICE, BX

fourMore:
	CMPQ BX, CX
	JLT fourRow
	VMOVDQU Y0, (DI)(AX*1)
	VMOVDQU Y1, 32(DI)(AX*1)
	VMOVDQU Y2, 64(DI)(AX*1)
	VMOVDQU Y3, 96(DI)(AX*1)
	MOVQ R8, AX
	JMP four

two:
	CMPQ AX, DX
	JGE done
	MOVQ (SI), R9
	VMOVDQU (R9)(AX*1), Y0
	VMOVDQU 32(R9)(AX*1), Y1
	MOVQ $SLICE, BX
	JMP twoMore

twoRow:
	MOVQ (SI)(BX*1), R9
	VPAND (R9)(AX*1), Y0, Y0
	VPAND 32(R9)(AX*1), Y1, Y1
	ADDQ $SLICE, BX

twoMore:
	CMPQ BX, CX
	JLT twoRow
	VMOVDQU Y0, (DI)(AX*1)
	VMOVDQU Y1, 32(DI)(AX*1)
	ADDQ $64, AX
	JMP two

done:
	VZEROUPPER
	RET

// func live512(list *uint16, words *uint64, n int) int
TEXT ·live512(SB), NOSPLIT, $0-32
	MOVQ list+0(FP), DI
	MOVQ words+8(FP), SI
	MOVQ n+16(FP), CX
	SHLQ $3, CX
	MOVQ DI, R11
	VMOVDQU16 count<>(SB), Z0
	MOVL $32, AX
	VPBROADCASTW AX, Z2
	XORQ AX, AX
	JMP more

next:
	VMOVDQU16 (SI)(AX*1), Z1
	VPTESTMW Z1, Z1, K1
	VPCOMPRESSW.Z Z0, K1, Z3
	VMOVDQU16 Z3, (DI) // the rest of which is written again, or is not counted
	KMOVD K1, R8
	POPCNTL R8, R8
	LEAQ (DI)(R8*2), DI
	VPADDW Z2, Z0, Z0
	ADDQ $64, AX

more:
	CMPQ AX, CX
	JLT next
	SUBQ R11, DI
	SHRQ $1, DI
	MOVQ DI, ret+24(FP)
	VZEROUPPER
	RET

// ROW loads eight words of the next partner; the last one is loaded again where
// there are no more.
#define ROW(z) \
	MOVQ (BX), R9 \
	VMOVDQU64 (R9)(AX*1), z \
	LEAQ SLICE(BX), R9 \
	CMPQ R9, CX \
	CMOVQLT R9, BX

// EIGHT loads eight words of eight partners and begins to turn them into the
// words of eight trees: Z0 and Z1 have those of the first and the fifth tree, Z4
// and Z5 of the second and the sixth, Z2 and Z3 of the third and the seventh, Z6
// and Z7 of the fourth and the eighth.
#define EIGHT \
	ROW(Z0) \
	ROW(Z1) \
	ROW(Z2) \
	ROW(Z3) \
	ROW(Z4) \
	ROW(Z5) \
	ROW(Z6) \
	ROW(Z7) \
	VPUNPCKLQDQ Z1, Z0, Z8 \
	VPUNPCKHQDQ Z1, Z0, Z9 \
	VPUNPCKLQDQ Z3, Z2, Z10 \
	VPUNPCKHQDQ Z3, Z2, Z11 \
	VPUNPCKLQDQ Z5, Z4, Z12 \
	VPUNPCKHQDQ Z5, Z4, Z13 \
	VPUNPCKLQDQ Z7, Z6, Z14 \
	VPUNPCKHQDQ Z7, Z6, Z15 \
	VSHUFI64X2 $0x88, Z10, Z8, Z0 \
	VSHUFI64X2 $0x88, Z14, Z12, Z1 \
	VSHUFI64X2 $0xdd, Z10, Z8, Z2 \
	VSHUFI64X2 $0xdd, Z14, Z12, Z3 \
	VSHUFI64X2 $0x88, Z11, Z9, Z4 \
	VSHUFI64X2 $0x88, Z15, Z13, Z5 \
	VSHUFI64X2 $0xdd, Z11, Z9, Z6 \
	VSHUFI64X2 $0xdd, Z15, Z13, Z7

// WORDS ends what EIGHT began.
#define WORDS(a, b, c, d, e, f, g, h) \
	VSHUFI64X2 $0x88, Z1, Z0, a \
	VSHUFI64X2 $0x88, Z5, Z4, b \
	VSHUFI64X2 $0x88, Z3, Z2, c \
	VSHUFI64X2 $0x88, Z7, Z6, d \
	VSHUFI64X2 $0xdd, Z1, Z0, e \
	VSHUFI64X2 $0xdd, Z5, Z4, f \
	VSHUFI64X2 $0xdd, Z3, Z2, g \
	VSHUFI64X2 $0xdd, Z7, Z6, h

// TWO stores the lanes of two of eight trees.
#define TWO(a, b, at) \
	VMOVDQA64 a, Z8 \
	VPERMT2W b, Z16, Z8 \
	VPERMT2W b, Z17, a \
	VMOVDQU64 Z8, at(DI) \
	VMOVDQU64 a, (256+at)(DI)

// func spread8(lanes *uint16, partners *[]uint64, n, from, to int)
TEXT ·spread8(SB), NOSPLIT, $0-40
	SPREADING
	VMOVDQU16 one<>(SB), Z16
	VMOVDQU16 other<>(SB), Z17
	JMP more

next:
	MOVQ SI, BX
	EIGHT
	TWO(Z0, Z1, 0)
	TWO(Z4, Z5, 64)
	TWO(Z2, Z3, 128)
	TWO(Z6, Z7, 192)
	ADDQ $512, DI
	ADDQ $64, AX

more:
	CMPQ AX, DX
	JLT next
	VZEROUPPER
	RET

// ONE stores the lanes of one tree and 16 partners.
#define ONE(a, b, at) \
	VMOVDQA64 a, Z2 \
	VPERMT2W b, Z0, Z2 \
	VPERMT2W b, Z1, a \
	VMOVDQU64 Z2, at(DI) \
	VMOVDQU64 a, (64+at)(DI)

// func spread16(lanes *uint16, partners *[]uint64, n, from, to int)
TEXT ·spread16(SB), NOSPLIT, $0-40
	SPREADING
	JMP more

next:
	MOVQ SI, BX
	EIGHT
	WORDS(Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23)
	EIGHT
	WORDS(Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31)
	VMOVDQU16 first<>(SB), Z0
	VMOVDQU16 third<>(SB), Z1
	ONE(Z16, Z24, 0)
	ONE(Z17, Z25, 128)
	ONE(Z18, Z26, 256)
	ONE(Z19, Z27, 384)
	ONE(Z20, Z28, 512)
	ONE(Z21, Z29, 640)
	ONE(Z22, Z30, 768)
	ONE(Z23, Z31, 896)
	ADDQ $1024, DI
	ADDQ $64, AX

more:
	CMPQ AX, DX
	JLT next
	VZEROUPPER
	RET

// QUARTER512 loads the next quarter: what the request leaves of it into all
// parts of Z30, whose upper halves no lane has, and its leaves into Z31. R11 is
// 16 times its number: its leaves begin at four times that, the lanes of 16
// partners at two times, those of eight there.
#define QUARTER512 \
	MOVWLZX (SI), R8 \
	MOVQ R8, R11 \
	SHLQ $4, R11 \
	VPBROADCASTD (AX)(R8*2), Z30 \
	VMOVUPS (BX)(R11*4), Z31

// LANES512 adds the leaves of 16 lanes to their sums.
#define LANES512(group, k, sum) \
	VPMOVZXWD (group)(R11*2), Z8 \
	VPTESTMD Z8, Z30, k \
	VPANDD Z8, Z30, Z8 \
	VPLZCNTD Z8, Z8 \
	VPERMPS Z31, Z8, Z8 \
	VADDPS Z8, sum, k, sum

// HALF512 is the same for eight.
#define HALF512(group, k, sum) \
	VPMOVZXWD (group)(R11*1), Y8 \
	VPTESTMD Y8, Y30, k \
	VPANDD Y8, Y30, Y8 \
	VPLZCNTD Y8, Y8 \
	VPERMPS Z31, Z8, Z8 \
	VADDPS Y8, sum, k, sum

// NEXT goes on until the list ends. It is never empty.
#define NEXT \
	ADDQ $2, SI \
	CMPQ SI, CX \
	JLT loop

// func add8x512(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)
TEXT ·add8x512(SB), NOSPLIT, $0-56
	ADDING
	VMOVUPS (DI), Y0

loop:
	QUARTER512
	HALF512(DX, K1, Y0)
	NEXT
	VMOVUPS Y0, (DI)
	VZEROUPPER
	RET

// func add16x512(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)
TEXT ·add16x512(SB), NOSPLIT, $0-56
	ADDING
	VMOVUPS (DI), Z0

loop:
	QUARTER512
	LANES512(DX, K1, Z0)
	NEXT
	VMOVUPS Z0, (DI)
	VZEROUPPER
	RET

// func add24x512(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)
TEXT ·add24x512(SB), NOSPLIT, $0-56
	ADDING
	VMOVUPS (DI), Z0
	VMOVUPS 64(DI), Y1

loop:
	QUARTER512
	LANES512(DX, K1, Z0)
	HALF512(R12, K2, Y1)
	NEXT
	VMOVUPS Z0, (DI)
	VMOVUPS Y1, 64(DI)
	VZEROUPPER
	RET

// func add32x512(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)
TEXT ·add32x512(SB), NOSPLIT, $0-56
	ADDING
	VMOVUPS (DI), Z0
	VMOVUPS 64(DI), Z1

loop:
	QUARTER512
	LANES512(DX, K1, Z0)
	LANES512(R12, K2, Z1)
	NEXT
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VZEROUPPER
	RET

// func add48x512(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)
TEXT ·add48x512(SB), NOSPLIT, $0-56
	ADDING
	VMOVUPS (DI), Z0
	VMOVUPS 64(DI), Z1
	VMOVUPS 128(DI), Z2

loop:
	QUARTER512
	LANES512(DX, K1, Z0)
	LANES512(R12, K2, Z1)
	LANES512(R13, K3, Z2)
	NEXT
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VMOVUPS Z2, 128(DI)
	VZEROUPPER
	RET

// func add64x512(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)
TEXT ·add64x512(SB), NOSPLIT, $0-56
	ADDING
	VMOVUPS (DI), Z0
	VMOVUPS 64(DI), Z1
	VMOVUPS 128(DI), Z2
	VMOVUPS 192(DI), Z3

loop:
	QUARTER512
	LANES512(DX, K1, Z0)
	LANES512(R12, K2, Z1)
	LANES512(R13, K3, Z2)
	LANES512(R9, K4, Z3)
	NEXT
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VMOVUPS Z2, 128(DI)
	VMOVUPS Z3, 192(DI)
	VZEROUPPER
	RET

// QUARTER2 loads the next quarter: what the request leaves of it into all parts
// of Y15, its leaves into Y13 and Y14. R11 is as in QUARTER512.
#define QUARTER2 \
	MOVWLZX (SI), R8 \
	MOVQ R8, R11 \
	SHLQ $4, R11 \
	VPBROADCASTD (AX)(R8*2), Y15 \
	VMOVUPS (BX)(R11*4), Y13 \
	VMOVUPS 32(BX)(R11*4), Y14

// LANES2 adds the leaves of eight lanes to their sums, and -0 where a lane has
// none, which changes no sum: 0 would change -0.
#define LANES2(at, group, scale, sum) \
	VPMOVZXWD at(group)(R11*scale), Y8 \
	VPAND Y8, Y15, Y8 \
	VCVTDQ2PS Y8, Y9 \
	VPCMPEQD Y8, Y12, Y8 \
	VPSRLD $23, Y9, Y9 \
	VPERMPS Y13, Y9, Y10 \
	VPERMPS Y14, Y9, Y11 \
	VPSLLD $28, Y9, Y9 \
	VBLENDVPS Y9, Y11, Y10, Y10 \
	VBLENDVPS Y8, Y7, Y10, Y10 \
	VADDPS Y10, sum, sum

// ADDING2 begins. Y12 is 0, Y7 is -0.
#define ADDING2 \
	ADDING \
	VPXOR Y12, Y12, Y12 \
	VPCMPEQD Y7, Y7, Y7 \
	VPSLLD $31, Y7, Y7

// func add8x2(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)
TEXT ·add8x2(SB), NOSPLIT, $0-56
	ADDING2
	VMOVUPS (DI), Y0

loop:
	QUARTER2
	LANES2(0, DX, 1, Y0)
	NEXT
	VMOVUPS Y0, (DI)
	VZEROUPPER
	RET

// func add16x2(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)
TEXT ·add16x2(SB), NOSPLIT, $0-56
	ADDING2
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1

loop:
	QUARTER2
	LANES2(0, DX, 2, Y0)
	LANES2(16, DX, 2, Y1)
	NEXT
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VZEROUPPER
	RET

// func add24x2(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)
TEXT ·add24x2(SB), NOSPLIT, $0-56
	ADDING2
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2

loop:
	QUARTER2
	LANES2(0, DX, 2, Y0)
	LANES2(16, DX, 2, Y1)
	LANES2(0, R12, 1, Y2)
	NEXT
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VZEROUPPER
	RET

// func add32x2(sums *float32, list *uint16, n int, words *uint64, lanes *uint16, step int, leaves *float32)
TEXT ·add32x2(SB), NOSPLIT, $0-56
	ADDING2
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3

loop:
	QUARTER2
	LANES2(0, DX, 2, Y0)
	LANES2(16, DX, 2, Y1)
	LANES2(0, R12, 2, Y2)
	LANES2(16, R12, 2, Y3)
	NEXT
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	VZEROUPPER
	RET
