#include "textflag.h"

// keep[r:] is a mask of 32 bytes that keeps the last r.
DATA keep<>+0(SB)/8, $0
DATA keep<>+8(SB)/8, $0
DATA keep<>+16(SB)/8, $0
DATA keep<>+24(SB)/8, $0
DATA keep<>+32(SB)/8, $-1
DATA keep<>+40(SB)/8, $-1
DATA keep<>+48(SB)/8, $-1
DATA keep<>+56(SB)/8, $-1
GLOBL keep<>(SB), RODATA|NOPTR, $64

// func RawSum(b []byte) uint64
//
// The instruction that multiplies 16-bit words and adds the products in pairs takes them for signed ones. So 0x8000 is
// taken from each word (Y6), the product is with 1 (Y7), and what was taken is given back at the end. Up to 65 536 bytes no
// sum leaves its 32 bits.
TEXT ·RawSum(SB), NOSPLIT, $0-32
	MOVQ     b_base+0(FP), SI
	MOVQ     b_len+8(FP), CX
	LEAQ     -32(CX), AX
	CMPQ     AX, $65504
	JHI      words
	CMPB     ·avx2(SB), $0
	JEQ      words
	MOVQ     CX, DX
	VPCMPEQD Y7, Y7, Y7
	VPSLLW   $15, Y7, Y6
	VPSRLW   $15, Y7, Y7
	VPXOR    Y0, Y0, Y0
	SUBQ     $128, CX
	JLT      few
	VPXOR    Y1, Y1, Y1

wide:
	VPXOR    (SI), Y6, Y2
	VPXOR    32(SI), Y6, Y3
	VPXOR    64(SI), Y6, Y4
	VPXOR    96(SI), Y6, Y5
	VPMADDWD Y7, Y2, Y2
	VPMADDWD Y7, Y3, Y3
	VPMADDWD Y7, Y4, Y4
	VPMADDWD Y7, Y5, Y5
	VPADDD   Y2, Y0, Y0
	VPADDD   Y3, Y1, Y1
	VPADDD   Y4, Y0, Y0
	VPADDD   Y5, Y1, Y1
	ADDQ     $128, SI
	SUBQ     $128, CX
	JGE      wide
	VPADDD   Y1, Y0, Y0

few:
	ADDQ     $96, CX
	JLT      rest

narrow:
	VPXOR    (SI), Y6, Y2
	VPMADDWD Y7, Y2, Y2
	VPADDD   Y2, Y0, Y0
	ADDQ     $32, SI
	SUBQ     $32, CX
	JGE      narrow

rest:
	// 32+CX bytes are left, 0 to 31. The last whole words are read with 32 bytes that end there; what was counted is
	// masked out.
	ADDQ     $32, CX
	MOVQ     CX, BX
	ANDQ     $30, BX
	JEQ      across
	LEAQ     keep<>(SB), AX
	VPXOR    -32(SI)(BX*1), Y6, Y2
	VPAND    (AX)(BX*1), Y2, Y2
	VPMADDWD Y7, Y2, Y2
	VPADDD   Y2, Y0, Y0

across:
	VEXTRACTI128 $1, Y0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0x4e, X0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0xb1, X0, X1
	VPADDD       X1, X0, X0
	VMOVD        X0, AX
	VZEROUPPER
	MOVLQSX      AX, AX
	TESTQ        $1, CX
	JEQ          even
	MOVBLZX      (SI)(BX*1), BX
	ADDQ         BX, AX

even:
	ANDQ $-2, DX
	SHLQ $14, DX
	ADDQ DX, AX
	MOVQ AX, ret+24(FP)
	RET

words:
	// Short or very long, or a processor without AVX2: 64-bit words with end-around carry.
	XORQ AX, AX
	SUBQ $8, CX
	JLT  bytes

word:
	ADDQ (SI), AX
	ADCQ $0, AX
	ADDQ $8, SI
	SUBQ $8, CX
	JGE  word

bytes:
	XORQ    DX, DX // the last bytes as one word, from the highest
	TESTQ   $1, CX
	JEQ     two
	MOVQ    CX, BX
	ANDQ    $6, BX
	MOVBLZX (SI)(BX*1), DX

two:
	TESTQ   $2, CX
	JEQ     four
	MOVQ    CX, BX
	ANDQ    $4, BX
	MOVWLZX (SI)(BX*1), BX
	SHLQ    $16, DX
	ORQ     BX, DX

four:
	TESTQ $4, CX
	JEQ   folded
	MOVL  (SI), BX
	SHLQ  $32, DX
	ORQ   BX, DX

folded:
	ADDQ DX, AX
	ADCQ $0, AX
	MOVL AX, DX
	SHRQ $32, AX
	ADDQ DX, AX
	MOVQ AX, ret+24(FP)
	RET

// func cpuid(leaf, sub uint32) (ax, bx, cx, dx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, ax+8(FP)
	MOVL BX, bx+12(FP)
	MOVL CX, cx+16(FP)
	MOVL DX, dx+20(FP)
	RET

// func xgetbv() uint32
TEXT ·xgetbv(SB), NOSPLIT, $0-4
	MOVL $0, CX
	XGETBV
	MOVL AX, ret+0(FP)
	RET
