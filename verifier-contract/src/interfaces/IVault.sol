// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IAssetRegistry} from "./IAssetRegistry.sol";
import {IDepositQueue} from "./IDepositQueue.sol";
import {HeldWithdrawal, IHeldWithdrawals} from "./IHeldWithdrawals.sol";
import {Withdrawal} from "./IRollup.sol";

/// @title Vault
/// @notice Holds all assets of the rollup, the deposit queue and the claims of those who withdraw
/// (spec: *Settlement*).
interface IVault is IDepositQueue, IHeldWithdrawals {
    /// @notice The note of deposit `index` is `owner`'s: its inner commitment is that of owner,
    /// aux 0 and `rcm`.
    event DepositNamed(uint64 indexed index, uint256 indexed owner, uint256 rcm);

    /// @notice `account` can claim `amount` more of the asset.
    event Credited(uint16 indexed asset, address indexed account, uint256 amount);

    /// @notice The whole credit of `account` in the asset, and the held withdrawals that it showed,
    /// were paid to `to`.
    event Claimed(uint16 indexed asset, address indexed account, address to, uint256 amount);

    /// @notice New deposits are refused before this time, Unix seconds. They are allowed again if
    /// it is not after the block's.
    event DepositsPaused(uint40 until);

    /// @notice The account that may pause deposits changed.
    event GuardianChanged(address indexed guardian);

    /// @notice The caller is not the rollup.
    error NotRollup(address caller);

    /// @notice The caller is not the guardian.
    error NotGuardian(address caller);

    /// @notice Deposits are paused until this time, Unix seconds.
    error DepositsArePaused(uint256 until);

    /// @notice The guardian may not pause deposits again before this time, Unix seconds.
    error PauseTooSoon(uint256 allowedFrom);

    /// @notice Deposits are not paused.
    error DepositsNotPaused();

    /// @notice `inner` is not below the scalar modulus.
    error InnerNotCanonical(uint256 inner);

    /// @notice Deposits of this asset must name the owner of their note: call `depositNamed`.
    error OwnerNotNamed(uint16 asset);

    /// @notice The value sent differs from the stated amount of native coin (zero for a token).
    error WrongValue(uint256 sent, uint256 expected);

    /// @notice The received amount is zero, or 2¹²⁸ or more.
    error AmountOutOfRange(uint256 received);

    /// @notice The vault received less of the asset than a deposit's minimum, in base units.
    error DepositBelowMinimum(uint256 received, uint256 minimum);

    /// @notice More of the asset would leave, by withdrawals and fees, than entered by deposits.
    error TurnstileBreached(uint256 asset, uint256 requested, uint256 inside);

    /// @notice The account has no credit in this asset.
    error NothingToClaim(uint256 asset, address account);

    /// @notice The address is zero.
    error ZeroAddress();

    /// @notice The claim would be paid to the vault itself and be lost.
    error ClaimToVault();

    /// @notice The claim's signature was valid until this time, Unix seconds.
    error ClaimExpired(uint256 deadline);

    /// @notice The claim would pay less than the account signed.
    error ClaimBelowLeast(uint256 amount, uint256 least);

    /// @notice The account did not sign this claim with its present nonce.
    error ClaimNotSigned(address account);

    /// @notice Takes tokens or native coin from the caller and appends a deposit to the queue.
    /// Refuses an asset whose deposits must name their owner. Counts the growth of the vault's
    /// balance, which must be in [1, 2¹²⁸) and at least the asset's minimum. The asset's fee is
    /// taken from it and credited to the rollup's sequencer. The caller can take the deposit back
    /// while no batch has consumed it (`IDepositQueue`). So whoever calls through a contract that
    /// anybody can make call, such as a multicall, gives that right to everybody.
    /// @param asset a registered id
    /// @param amount amount to take from the caller; for the native coin exactly the value sent
    /// @param inner inner commitment of the note to create, below the scalar modulus
    /// @return index index of the deposit in the queue
    function deposit(uint16 asset, uint256 amount, uint256 inner)
        external
        payable
        returns (uint64 index);

    /// @notice Like `deposit`, and publishes whose note it makes. The note holds cash. It is the
    /// owner's once a batch has consumed the deposit; the caller can take it back before.
    /// @param asset a registered id
    /// @param amount amount to take from the caller; for the native coin exactly the value sent
    /// @param owner id of the note's owner, below the scalar modulus
    /// @param rcm blinding of the note, below the scalar modulus
    /// @return index index of the deposit in the queue
    function depositNamed(uint16 asset, uint256 amount, uint256 owner, uint256 rcm)
        external
        payable
        returns (uint64 index);

    /// @notice Pays the caller's whole credit in the asset to `to`. Nothing pauses it.
    /// @param asset the asset's id
    /// @param to the account to pay, neither zero nor the vault
    /// @return amount the amount paid
    function claim(uint16 asset, address to) external returns (uint256 amount);

    /// @notice Like `claim`, and pays withdrawals to the caller that batches hold.
    /// @param asset the asset's id
    /// @param to the account to pay, neither zero nor the vault
    /// @param held withdrawals of the caller in the asset; claimed ones are passed over
    /// @return amount the amount paid
    function claimHeld(uint16 asset, address to, HeldWithdrawal[] calldata held)
        external
        returns (uint256 amount);

    /// @notice Pays the whole credit of `account` in the asset, and withdrawals to it that batches
    /// hold, to `to`, as `account` signed. Anybody may call. Nothing pauses it.
    /// @dev The signature is over the EIP-712 structure `Claim(address account,uint16
    /// asset,address to,uint256 least,uint256 nonce,uint256 deadline)` in the domain ("Subrosa
    /// Vault", "1", chain id, vault). An account with code answers by ERC-1271. The nonce is
    /// `claimNonce(asset, account)`; every signed claim raises it, so that a signature serves once,
    /// and so do `revokeClaims` and every other claim of an account with a slot in the asset.
    /// Whoever calls chooses which held withdrawals are paid, and must come to `least`.
    /// @param asset the asset's id
    /// @param account the account with the credit
    /// @param to the account to pay, neither zero nor the vault
    /// @param held withdrawals of `account` in the asset; claimed ones are passed over
    /// @param least the least amount that the claim pays
    /// @param deadline last time at which the signature is valid, Unix seconds
    /// @param signature signature of `account`
    /// @return amount the amount paid
    function claimFor(
        uint16 asset,
        address account,
        address to,
        HeldWithdrawal[] calldata held,
        uint256 least,
        uint256 deadline,
        bytes calldata signature
    ) external returns (uint256 amount);

    /// @notice Ends the validity of all claims in the asset that the caller has signed.
    function revokeClaims(uint16 asset) external;

    /// @notice Adds withdrawals to `account` that batches hold to its credit. Anybody may call: it
    /// serves accounts that cannot show a path.
    /// @param asset the asset's id
    /// @param account the account that they are to
    /// @param held withdrawals of `account` in the asset; claimed ones are passed over
    function creditHeld(uint16 asset, address account, HeldWithdrawal[] calldata held) external;

    /// @notice Takes the next deposits of the queue into the state, or passes over those that were
    /// taken back. Only the rollup may call.
    /// @param time the time of the batch
    /// @param data 71 bytes for each deposit, as they were queued: depositor 20, asset 2, value 16,
    /// inner 32, then 1 if it is taken back at this time, else 0
    /// @return words two data words for each deposit: pack(class 0, asset, value) and inner, or
    /// zeros for one that is taken back
    function consume(uint256 time, bytes calldata data) external returns (uint256[] memory words);

    /// @notice Lets `account` claim `amount` of the asset, taken from its inside balance. Only the
    /// rollup may call.
    function credit(uint16 asset, address account, uint256 amount) external;

    /// @notice Lets the recipients of a batch's withdrawals claim them, taken from the inside
    /// balances. Those to accounts without a slot in the asset are held in the batch's tree if they
    /// are two or more. Only the rollup may call.
    function creditWithdrawals(uint64 batch, Withdrawal[] memory withdrawals) external;

    /// @notice Pauses new deposits for three days, or ends the pause early. Only the guardian may
    /// call. Claims and settlement continue. A further pause is refused until deposits have been
    /// allowed for as long as the last pause lasted.
    function setDepositsPaused(bool paused) external;

    /// @notice Sets the account that may pause deposits. Only governance may call.
    function setGuardian(address newGuardian) external;

    /// @notice Returns the only contract that consumes deposits and credits claims.
    function rollup() external view returns (address);

    /// @notice Returns the registry of assets.
    function registry() external view returns (IAssetRegistry);

    /// @notice Returns the account that may pause deposits.
    function guardian() external view returns (address);

    /// @notice Whether new deposits are paused now.
    function depositsPaused() external view returns (bool);

    /// @notice Returns when the present pause ends, Unix seconds; 0 if deposits are not paused.
    function depositsPausedUntil() external view returns (uint256);

    /// @notice Returns from when on the guardian may pause deposits, Unix seconds; 0 before the
    /// first pause.
    function pauseAllowedFrom() external view returns (uint256);

    /// @notice Returns the inside balance of an asset, the turnstile: consumed deposits minus
    /// credited claims.
    function inside(uint256 asset) external view returns (uint256);

    /// @notice Returns the amount of the asset that `account` can claim.
    function credited(uint256 asset, address account) external view returns (uint256);

    /// @notice Returns the number of claims of `account` in the asset, which its next signature for
    /// `claimFor` must name.
    function claimNonce(uint256 asset, address account) external view returns (uint256);
}
