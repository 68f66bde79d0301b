// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IAssetRegistry} from "./IAssetRegistry.sol";

/// @title Vault
/// @notice Holds all assets of the rollup, the queue of deposits and the claims of those who withdraw
/// (specification: Settlement).
interface IVault {
    /// @notice A deposit was appended to the queue; `value` is what the vault received.
    event DepositQueued(
        uint64 indexed index, address indexed depositor, uint16 indexed asset, uint128 value, uint256 inner
    );

    /// @notice The rollup took the deposits `first` … `first + count − 1` into its state.
    event DepositsConsumed(uint64 first, uint64 count);

    /// @notice `account` may claim `amount` more of the asset.
    event Credited(uint16 indexed asset, address indexed account, uint256 amount);

    /// @notice All that was credited to `account` in the asset was paid to `to`.
    event Claimed(uint16 indexed asset, address indexed account, address to, uint256 amount);

    /// @notice New deposits were suspended or allowed again.
    event DepositsPaused(bool paused);

    /// @notice The account that may pause deposits changed.
    event GuardianChanged(address indexed guardian);

    /// @notice The caller is not the rollup.
    error NotRollup(address caller);

    /// @notice The caller is not the guardian.
    error NotGuardian(address caller);

    /// @notice Deposits are suspended.
    error DepositsArePaused();

    /// @notice `inner` is not below the scalar modulus.
    error InnerNotCanonical(uint256 inner);

    /// @notice The value sent is not the amount of native coin stated (zero for a token).
    error WrongValue(uint256 sent, uint256 expected);

    /// @notice What the vault received is zero, or 2¹²⁸ or more.
    error AmountOutOfRange(uint256 received);

    /// @notice Fewer deposits are queued than asked for.
    error DepositsMissing(uint256 requested, uint256 queued);

    /// @notice More of the asset would leave than entered.
    error TurnstileBreached(uint256 asset, uint256 requested, uint256 inside);

    /// @notice Nothing is credited to the account in this asset.
    error NothingToClaim(uint256 asset, address account);

    /// @notice The address is zero.
    error ZeroAddress();

    /// @notice A claim would be paid to the vault itself, and be lost.
    error ClaimToVault();

    /// @notice Takes tokens or native coin from the caller and appends a deposit to the queue.
    /// The value credited is the difference of the vault's balance, which must be in [1, 2¹²⁸).
    /// @param asset a registered id
    /// @param amount to pull from the caller; for the native coin exactly the value sent
    /// @param inner the inner commitment of the note to make, below the scalar modulus
    /// @return index the deposit's place in the queue
    function deposit(uint16 asset, uint256 amount, uint256 inner) external payable returns (uint64 index);

    /// @notice Pays to `to` all that is credited to the caller in the asset. Nothing pauses it.
    /// @param asset the asset's id
    /// @param to who is paid: neither zero nor the vault
    /// @return amount what was paid
    function claim(uint16 asset, address to) external returns (uint256 amount);

    /// @notice Pays to `account` all that is credited to it in the asset; anybody may call. Nothing pauses it.
    /// @param asset the asset's id
    /// @param account whose claim it is, and who is paid: neither zero nor the vault
    /// @return amount what was paid
    function claimFor(uint16 asset, address account) external returns (uint256 amount);

    /// @notice Marks the next `count` deposits as taken into the state. Only the rollup.
    function consume(uint256 count) external;

    /// @notice Lets `account` claim `amount` of the asset, out of what entered. Only the rollup.
    function credit(uint16 asset, address account, uint256 amount) external;

    /// @notice Suspends new deposits, or allows them again. Only the guardian. Claims and settlement go on.
    function setDepositsPaused(bool paused) external;

    /// @notice Names the account that may pause deposits. Only governance.
    function setGuardian(address newGuardian) external;

    /// @notice The only contract that consumes deposits and credits claims.
    function rollup() external view returns (address);

    /// @notice The registry of assets.
    function registry() external view returns (IAssetRegistry);

    /// @notice The account that may pause deposits.
    function guardian() external view returns (address);

    /// @notice Whether new deposits are suspended.
    function depositsPaused() external view returns (bool);

    /// @notice How many deposits were ever queued.
    function depositCount() external view returns (uint64);

    /// @notice How many deposits the state has taken; the index of the next one.
    function consumedCount() external view returns (uint64);

    /// @notice The two data words of a deposit: pack(class 0, asset, value) and inner; both 0 if there is none.
    function depositAt(uint256 index) external view returns (uint256 packed, uint256 inner);

    /// @notice The data words (packed, inner, packed, inner …) of the next `count` deposits to consume.
    function nextDeposits(uint256 count) external view returns (uint256[] memory words);

    /// @notice The turnstile: deposits consumed minus claims credited, per asset.
    function inside(uint256 asset) external view returns (uint256);

    /// @notice What `account` may claim of the asset.
    function credited(uint256 asset, address account) external view returns (uint256);
}
